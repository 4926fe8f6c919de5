/**
 * What records carry is shown as the node gave it, digit by digit: numbers of JavaScript hold fewer digits than those of
 * JSON, and objects forget names that stand twice. So beside each record's `data` its text is kept, as `json`.
 */

/** Digits are a number whose text a number of JavaScript does not give back. */
export class Digits {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** exact reads JSON of which nothing may be lost; numbers that JavaScript can't keep are Digits. */
export function exact(text: string, at = start(text, 0)): unknown {
  if (text[at] === '{') {
    const entries: [string, unknown][] = []
    members(text, at, (name, from) => entries.push([JSON.parse(`"${name}"`) as string, exact(text, from)]))
    return Object.fromEntries(entries)
  }
  if (text[at] === '[') {
    const list: unknown[] = []
    elements(text, at, (from) => list.push(exact(text, from)))
    return list
  }
  const token = text.slice(at, skip(text, at))
  const value: unknown = JSON.parse(token)
  return typeof value === 'number' && String(value) !== token ? new Digits(token) : value
}

/**
 * parse reads an answer or a message; the records that it lists, as `items` or `records`, get the text of their data, and
 * a spec is read exactly, as it may be edited and sent back.
 */
export function parse<T>(text: string): T {
  const value = JSON.parse(text) as T
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !(text.includes('"data"') || text.includes('"spec"'))) return value
  const lists = value as Record<string, unknown>
  members(text, start(text, 0), (name, from) => {
    const list = lists[name]
    if (name === 'spec') lists[name] = exact(text, from)
    if ((name !== 'items' && name !== 'records') || !Array.isArray(list)) return
    let i = 0
    elements(text, from, (at) => {
      const record: unknown = list[i++]
      if (text[at] !== '{' || typeof record !== 'object' || record === null) return
      members(text, at, (field, begin, end) => {
        if (field === 'data') (record as { json?: string }).json = text.slice(begin, end)
      })
    })
  })
  return value
}

/** pretty sets JSON on several lines, and changes nothing else; it ends soon after `most` characters. */
export function pretty(json: string, most = Infinity): string {
  const out: string[] = []
  let length = 0
  let depth = 0
  const put = (text: string) => {
    out.push(text)
    length += text.length
  }
  const line = () => put('\n' + '  '.repeat(Math.min(depth, deepest)))
  for (let at = start(json, 0); at < json.length && length <= most; at = start(json, at)) {
    const c = json.charAt(at)
    if (c === '{' || c === '[') {
      const inner = start(json, at + 1)
      if (json[inner] === '}' || json[inner] === ']') {
        put(c + json.charAt(inner))
        at = inner + 1
        continue
      }
      depth++
      put(c)
      line()
      at++
    } else if (c === '}' || c === ']') {
      depth--
      line()
      put(c)
      at++
    } else if (c === ',') {
      put(c)
      line()
      at++
    } else if (c === ':') {
      put(': ')
      at++
    } else {
      const end = skip(json, at)
      put(json.slice(at, end))
      at = end
    }
  }
  return out.join('')
}

/** From this depth on lines are indented no more: what is nested thousands of times would be mostly space. */
const deepest = 40

/** members tells the name of each member of the object at `at`, and where its value begins and ends. The text is valid JSON, here and below. */
function members(text: string, at: number, tell: (name: string, from: number, to: number) => void): void {
  for (at = start(text, at + 1); text[at] === '"'; at = start(text, at + 1)) {
    const name = skip(text, at)
    const from = start(text, start(text, name) + 1)
    const to = skip(text, from)
    tell(text.slice(at + 1, name - 1), from, to)
    at = start(text, to)
    if (text[at] !== ',') return
  }
}

/** elements tells where each element of the array at `at` begins. */
function elements(text: string, at: number, tell: (from: number) => void): void {
  for (at = start(text, at + 1); at < text.length && text[at] !== ']'; at = start(text, at + 1)) {
    tell(at)
    at = start(text, skip(text, at))
    if (text[at] !== ',') return
  }
}

/** start is where the next token begins. */
function start(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 32) at++
  return at
}

/** skip is where the value at `at` ends. */
function skip(text: string, at: number): number {
  const c = text[at]
  if (c === '"') return closed(text, at)
  if (c !== '{' && c !== '[') return find(scalarEnd, text, at)
  let depth = 0
  do {
    at = find(mark, text, at)
    if (text[at] === '"') at = closed(text, at)
    else depth += text[at++] === '{' || text[at - 1] === '[' ? 1 : -1
  } while (depth > 0 && at < text.length)
  return at
}

const mark = /["{}[\]]/g
const scalarEnd = /[\s,:\]}]/g

function find(what: RegExp, text: string, from: number): number {
  what.lastIndex = from
  return what.exec(text)?.index ?? text.length
}

/** closed is where the string whose quote is at `at` ends. */
function closed(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text[end - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return text.length
}
