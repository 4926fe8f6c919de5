import { since, span } from './format.ts'
import type { AlarmView, SourceView } from './types.ts'

/**
 * sentence says an alarm with what the page knows better than its text: for how long a source has been silent is
 * counted on, second by second. The name of the source is said beside it, and left out here.
 */
export function sentence(alarm: AlarmView, sources: readonly SourceView[], now: number): string {
  const reason = named(alarm.reason)
  const text = alarm.source ? plain(reason, alarm.source) : reason
  const source = alarm.source ? sources.find((s) => s.name === alarm.source) : undefined
  if (source?.status.state === 'stale' && /brings no data/.test(alarm.reason)) return silence(source, now) ?? text
  return text
}

/** silence: "connected, but silent for 42 s"; undefined where that can't be told. */
export function silence(source: SourceView, now: number): string | undefined {
  const { transport, data } = source.status
  const connected = transport?.ok !== false
  const quiet = since(data?.last, now)
  if (quiet === undefined) return connected ? 'connected, but no data has come yet' : undefined
  return `${connected ? 'connected, but ' : ''}silent for ${span(Math.floor(quiet / 1000) * 1000)}`
}

/** plain leaves out "source NAME is" at the beginning, as a heading says it. */
function plain(reason: string, source: string): string {
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
  return source !== undefined && source.status.state === 'running' && source.status.data?.ok === true && (source.status.owners?.length ?? 0) > 1 && /brings no data/.test(alarm.reason)
}

/** split parts what asks for somebody from what is worth a note. */
export function split(alarms: readonly AlarmView[], sources: readonly SourceView[]): { alarms: AlarmView[]; notes: AlarmView[] } {
  const known = new Map(sources.map((s) => [s.name, s]))
  const sorted = [...alarms].sort((a, b) => (a.severity === b.severity ? Date.parse(b.since) - Date.parse(a.since) : a.severity === 'critical' ? -1 : 1))
  return { alarms: sorted.filter((a) => !partial(a, known)), notes: sorted.filter((a) => partial(a, known)) }
}
