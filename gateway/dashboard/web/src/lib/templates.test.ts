import { expect, test } from 'vitest'
import { templates } from './templates.ts'

test('each template has a name of its own and says what it is', () => {
  expect(new Set(templates.map((t) => t.name)).size).toBe(templates.length)
  for (const t of templates) {
    expect(t.about).not.toBe('')
    expect(t.text).toMatch(/^name: my-[a-z]+\nkind: (rest|websocket|sse|push)\n/)
  }
})
