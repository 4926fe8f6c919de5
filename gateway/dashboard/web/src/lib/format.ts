import { visible } from './visible.ts'

/** What is shown of numbers, times and names. Nothing here reads a clock: `now` is given, in ms. */

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** count shows a whole number with separators: 12,345. */
export function count(n: number | undefined): string {
  return n === undefined || !Number.isFinite(n) ? '–' : number.format(n)
}

/** short shows a number in at most five characters: 12, 3.4k, 1.2M. */
export function short(n: number): string {
  return scaled(n, 1000, ['', 'k', 'M', 'G', 'T'], '')
}

/** bytes shows a size in binary units. */
export function bytes(n: number | undefined): string {
  return n === undefined || !Number.isFinite(n) ? '–' : scaled(n, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], ' ')
}

function scaled(n: number, base: number, units: string[], gap: string): string {
  if (!Number.isFinite(n)) return '–'
  let unit = 0
  let rest = Math.abs(n)
  while (rest >= base * 0.9995 && unit < units.length - 1) {
    rest /= base
    unit++
  }
  const digits = unit === 0 ? 0 : rest < 9.95 ? 1 : 0
  return `${n < 0 ? '−' : ''}${rest.toFixed(digits)}${units[unit] ? gap + units[unit] : ''}`
}

/** rate shows records a second without the unit: 0, 0.3, 4.2, 38, 1.2k. */
export function rate(n: number | undefined): string {
  if (n === undefined || !Number.isFinite(n)) return '–'
  if (n === 0) return '0'
  if (n < 0.1) return '<0.1'
  return n < 9.95 ? n.toFixed(1) : short(n)
}

/** latency shows milliseconds: 0.6 ms, 12 ms, 1.3 s. */
export function latency(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return '–'
  if (ms === 0) return '0 ms'
  if (ms < 1) return `${ms < 0.05 ? '<0.1' : ms.toFixed(1)} ms`
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  return ms < 999.5 ? `${ms.toFixed(0)} ms` : span(ms)
}

/** span shows how long something is, in its one or two largest units: 42 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function span(ms: number): string {
  const s = Math.max(0, ms) / 1000
  if (s < 9.95) return `${s < 0.05 ? '0' : s.toFixed(1).replace(/\.0$/, '')} s`
  const whole = Math.round(s)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return two(whole, 60, 'min', 1, 's')
  if (whole < 86400) return two(whole, 3600, 'h', 60, 'min')
  return two(whole, 86400, 'd', 3600, 'h')
}

function two(s: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((s % big) / small)
  return `${Math.floor(s / big)} ${bigName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`
}

/** since is the time from a moment until now in ms; undefined where there was none. Clocks of other machines may be ahead: that is 0. */
export function since(at: string | undefined, now: number): number | undefined {
  if (!at) return undefined
  const ms = Date.parse(at)
  return Number.isNaN(ms) || ms <= 0 ? undefined : Math.max(0, now - ms)
}

/** whole is span in seconds that are over: what counts on shows no tenths. */
export function whole(ms: number): string {
  return span(Math.floor(ms / 1000) * 1000)
}

/** lasting says for how long something is. */
export function lasting(at: string | undefined, now: number): string {
  return whole(since(at, now) ?? 0)
}

/** ago says how long ago something was: "just now", "42 s ago", "never". */
export function ago(at: string | undefined, now: number): string {
  const ms = since(at, now)
  if (ms === undefined) return 'never'
  return ms < 1500 ? 'just now' : `${whole(ms)} ago`
}

/** until says when something will be: "in 8 s", "now". */
export function until(at: string | undefined, now: number): string {
  const ms = at ? Date.parse(at) : NaN
  if (Number.isNaN(ms) || ms <= 0) return '–'
  return ms - now < 1000 ? 'now' : `in ${span(Math.ceil((ms - now) / 1000) * 1000)}`
}

/** clock shows a moment of today as a time and any other with its date, in the reader's zone. */
export function clock(at: string | number, now: number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const pad = (n: number) => String(n).padStart(2, '0')
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  if (date.toDateString() === new Date(now).toDateString()) return time
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`
}

/** brief cuts a text that may be of any length; what of it could not be seen is shown. */
export function brief(text: string, most = 80): string {
  const letters = [...text.slice(0, most * 2 + 2)]
  return visible(letters.length <= most ? text : `${letters.slice(0, most - 1).join('')}…`)
}

/** isolated is brief for the middle of a sentence that is no markup, as a message or a label: it turns nothing around beside it. */
export function isolated(text: string, most = 80): string {
  return `\u2068${brief(text, most)}\u2069`
}

/** plural: 1 node, 3 nodes. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** root is where the paths of a node begin: its address without a slash at its end. */
export function root(address: string): string {
  return address.replace(/\/+$/, '')
}

/** link gives an address only if it is one that may be followed: http and https. */
export function link(address: string | undefined): string | undefined {
  if (!address) return undefined
  try {
    const url = new URL(address)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined
  } catch {
    return undefined
  }
}
