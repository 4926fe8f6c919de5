import { Digits } from './raw.ts'

/**
 * yaml writes a JSON value as YAML, as people write specs: blocks, and quotes only where they are needed. Whatever it
 * writes reads back as the same value; the server reads it, the page never does.
 */
export function yaml(value: unknown): string {
  if (isMap(value) && Object.keys(value).length > 0) return block(value, '')
  if (Array.isArray(value) && value.length > 0) return list(value, '')
  return `${scalar(value)}\n`
}

/** The fields of a spec in the order in which people read them; others come after. */
const first = ['name', 'kind', 'url', 'stream']

/** specYaml is yaml with the fields that tell what a source is at the top. */
export function specYaml(spec: Record<string, unknown>): string {
  const head = first.filter((key) => key in spec)
  const rest = Object.keys(spec).filter((key) => !first.includes(key))
  return yaml(Object.fromEntries([...head, ...rest].map((key) => [key, spec[key]])))
}

const widest = 76

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits)
}

function block(map: Record<string, unknown>, indent: string): string {
  return Object.entries(map)
    .map(([key, value]) => indent + entry(`${text(key)}:`, value, indent))
    .join('')
}

function list(items: unknown[], indent: string): string {
  return items
    .map((item) => {
      if (isMap(item) && Object.keys(item).length > 0 && !short(item)) return `${indent}- ${block(item, `${indent}  `).slice(indent.length + 2)}`
      return indent + entry('-', item, indent)
    })
    .join('')
}

function entry(head: string, value: unknown, indent: string): string {
  const inner = `${indent}  `
  if (typeof value === 'string' && value.includes('\n') && literal(value)) {
    return `${head} |${value.endsWith('\n') ? '' : '-'}\n${value.replace(/\n$/, '').split('\n').map((line) => (line === '' ? '' : inner + line)).join('\n')}\n`
  }
  if ((isMap(value) || Array.isArray(value)) && Object.keys(value).length > 0 && !short(value)) {
    return `${head}\n${Array.isArray(value) ? list(value, inner) : block(value, inner)}`
  }
  return `${head} ${scalar(value)}\n`
}

/** short tells whether a list or map is read best on one line. */
function short(value: object): boolean {
  const parts = Object.values(value)
  return parts.every((p) => typeof p !== 'object' || p === null || p instanceof Digits) && parts.every((p) => typeof p !== 'string' || !p.includes('\n')) && flow(value).length <= widest - 20 && (Array.isArray(value) || (parts.length <= 3 && parts.every((p) => typeof p !== 'string' || text(p, true) === p)))
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (isMap(value)) return `{${Object.entries(value).map(([k, v]) => `${text(k, true)}: ${flow(v)}`).join(', ')}}`
  if (value instanceof Digits) return value.text
  return typeof value === 'string' ? text(value, true) : JSON.stringify(value)
}

function scalar(value: unknown): string {
  if (typeof value === 'string') return text(value)
  return typeof value === 'object' && value !== null ? flow(value) : JSON.stringify(value ?? null)
}

/** literal tells whether a text of several lines may stand as a block: nothing of it would be lost. */
function literal(value: string): boolean {
  return !/^\s/.test(value) && !/\n\n$/.test(value) && !/[ \t]\n/.test(value) && !/[^\P{C}\n\t]/u.test(value)
}

const plain = /^[A-Za-z_./$][\w ./$()@+=<>~^;*?-]*$/
const urls = /^[a-z]+:\/\/[\w./?=&%:@~+-]*$/
const reserved = /^(true|false|yes|no|on|off|y|n|null|nan|inf)$/i

function text(value: string, inFlow = false): string {
  if (/^\d+(ms|s|m|h|d|w)$/.test(value)) return value
  const bare = (plain.test(value) || (urls.test(value) && !inFlow)) && !reserved.test(value) && !/\s$/.test(value) && !/ #/.test(value) && !/:\s/.test(value) && !/:$/.test(value) && !/^\.(nan|inf)$/i.test(value) && !/^[\d.]/.test(value.replace(/^\.(?=[A-Za-z_])/, ''))
  if (bare) return value
  if (!/['\n\t]/.test(value) && !/[^\P{C}]/u.test(value)) return `'${value}'`
  return JSON.stringify(value).replace(/[^\P{C}]|[\u2028\u2029]/gu, (c) => {
    const code = (c.codePointAt(0) ?? 0).toString(16)
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`
  })
}
