/** longest is the most characters of a line that are kept; a longer one is left out. */
const longest = 4 << 20

/** lines reads JSON, an object a line, from a body that may never end. Lines that are no JSON are left out. */
export async function* lines<T>(body: ReadableStream<Uint8Array>): AsyncGenerator<T> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let skipping = false
  try {
    for (;;) {
      const { value, done } = await reader.read()
      rest += done ? decoder.decode() + '\n' : decoder.decode(value, { stream: true })
      let end: number
      while ((end = rest.indexOf('\n')) >= 0) {
        const line = rest.slice(0, end).trim()
        rest = rest.slice(end + 1)
        const skip = skipping
        skipping = false
        if (skip || line === '') continue
        const parsed = parse<T>(line)
        if (parsed !== undefined) yield parsed
      }
      if (rest.length > longest) {
        rest = ''
        skipping = true
      }
      if (done) return
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function parse<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T
  } catch {
    return undefined
  }
}
