import { since, whole } from './format.ts'
import type { AlarmView, SourceView } from './types.ts'

/** reason is why there is an alarm. The name of its source is said beside it, and left out here. */
export function reason(alarm: AlarmView): string {
  const text = named(alarm.reason)
  return alarm.source ? headless(text, alarm.source) : text
}

/**
 * sentence says an alarm with what the page knows better than its text: for how long a source has been silent is
 * counted on, second by second.
 */
export function sentence(alarm: AlarmView, sources: readonly SourceView[], now: number): string {
  const source = alarm.source ? sources.find((s) => s.name === alarm.source) : undefined
  if (source?.status.state === 'stale' && silent(alarm)) return silence(source, now) ?? reason(alarm)
  return reason(alarm)
}

/** silent tells that an alarm is about a source that brings nothing. */
function silent(alarm: AlarmView): boolean {
  return alarm.reason.includes('brings no data')
}

/** silence: "connected, but silent for 42 s"; undefined where that can't be told. */
export function silence(source: SourceView, now: number): string | undefined {
  const { transport, data } = source.status
  const connected = transport?.ok !== false
  const quiet = since(data?.last, now)
  if (quiet === undefined) return connected ? 'connected, but no data has come yet' : undefined
  return `${connected ? 'connected, but ' : ''}silent for ${whole(quiet)}`
}

/** headless leaves out "source NAME is" at the beginning. */
function headless(reason: string, source: string): string {
  for (const head of [`source ${source} is `, `source ${source}: `, `source ${source} `, `${source}: `]) {
    if (reason.startsWith(head)) return reason.slice(head.length)
  }
  return reason
}

/** named calls nodes by their names alone, where a text has the id before it: it is in the hint where it is needed. */
function named(text: string): string {
  return text.replace(/\b[a-z2-7]{26} \(([^()]{1,120})\)/g, '$1')
}

/**
 * partial tells that an alarm is about one of several nodes of a source that is well as a whole, such as a node to which
 * nobody pushes while others get all: worth a note, and no alarm.
 */
export function partial(alarm: AlarmView, sources: ReadonlyMap<string, SourceView>): boolean {
  const source = alarm.source ? sources.get(alarm.source) : undefined
  return source !== undefined && source.status.state === 'running' && source.status.data?.ok === true && (source.status.owners?.length ?? 0) > 1 && silent(alarm)
}

/** split parts what asks for somebody from what is worth a note. */
export function split(alarms: readonly AlarmView[], sources: readonly SourceView[]): { alarms: AlarmView[]; notes: AlarmView[] } {
  const known = new Map(sources.map((s) => [s.name, s]))
  const sorted = [...alarms].sort((a, b) => (a.severity === b.severity ? Date.parse(b.since) - Date.parse(a.since) : a.severity === 'critical' ? -1 : 1))
  return { alarms: sorted.filter((a) => !partial(a, known)), notes: sorted.filter((a) => partial(a, known)) }
}
