import { expect, test } from 'vitest'
import { lines } from './ndjson.ts'

function body(...parts: string[]): ReadableStream<Uint8Array> {
  const bytes = parts.map((p) => new TextEncoder().encode(p))
  return new ReadableStream({
    pull(controller) {
      const next = bytes.shift()
      if (next) controller.enqueue(next)
      else controller.close()
    },
  })
}

async function read(...parts: string[]): Promise<unknown[]> {
  const out: unknown[] = []
  for await (const value of lines(body(...parts))) out.push(value)
  return out
}

test('lines are read however they are cut', async () => {
  expect(await read('{"a":1}\n{"a"', ':2}\n\n{"a":3}')).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
})

test('what is no JSON is left out', async () => {
  expect(await read('nonsense\n{"a":1}\n{')).toEqual([{ a: 1 }])
})

test('a line without an end is not kept', async () => {
  expect(await read('"' + 'x'.repeat(5 << 20), 'y"\n{"a":1}\n')).toEqual([{ a: 1 }])
})
