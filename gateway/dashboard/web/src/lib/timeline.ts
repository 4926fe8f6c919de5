import { reason } from './alarms.ts'
import type { AlarmView, EventView, RecordView, Spec } from './types.ts'
import { holds } from './words.ts'

export const kinds = ['registry', 'state', 'error', 'alarm'] as const
export type Kind = (typeof kinds)[number]

/** Moment is one thing that happened, wherever it is told. */
export interface Moment {
  id: string
  at: string
  kind: Kind
  /** what happened, in a word or two: registered, running, decode failed. */
  what: string
  source: string
  node: string
  detail: string
  spec?: Spec
  bad: boolean
}

/** timeline joins what the registry, the states and errors of sources, and alarms and notes tell, newest first. */
export function timeline(events: readonly EventView[], changes: readonly RecordView[], errors: readonly RecordView[], alarms: readonly AlarmView[], notes: readonly AlarmView[]): Moment[] {
  const moments: Moment[] = [
    ...events.map((e): Moment => ({ id: `r ${e.source} ${e.version} ${e.event} ${e.at}`, at: e.at, kind: 'registry', what: e.event, source: e.source, node: e.node, detail: '', ...(e.spec ? { spec: e.spec } : {}), bad: e.event === 'superseded' })),
    ...changes.map(change),
    ...errors.map(failure),
    ...alarms.map((a) => alarm(a, true)),
    ...notes.map((a) => alarm(a, false)),
  ]
  return moments.sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
}

function alarm(a: AlarmView, bad: boolean): Moment {
  return { id: `a ${a.node} ${a.source ?? ''} ${a.reason}`, at: a.since, kind: 'alarm', what: a.severity, source: a.source ?? '', node: a.node, detail: reason(a), bad }
}

function change(record: RecordView): Moment {
  const data = fields(record.data)
  const before = text(data['before'])
  return {
    id: `s ${record.id ?? record.received + record.stream}`,
    at: record.received, kind: 'state', what: text(data['state']) || 'changed', source: record.source ?? text(data['source']), node: text(data['node']),
    detail: [before && `was ${before}`, text(data['last_error'])].filter(Boolean).join(': '), bad: ['failed', 'stale', 'backoff'].includes(text(data['state'])),
  }
}

function failure(record: RecordView): Moment {
  const data = fields(record.data)
  return {
    id: `e ${record.id ?? record.received + record.stream}`,
    at: record.received, kind: 'error', what: 'error', source: record.source ?? record.stream.replace(/^\$errors\./, ''), node: (record.id ?? '').split('-')[0] ?? '',
    detail: [text(data['reason']), text(data['frame']) && `in ${text(data['frame'])}`].filter(Boolean).join(' '), bad: true,
  }
}

function fields(data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** select is what has one of the kinds, and all words. */
export function select(moments: readonly Moment[], shown: ReadonlySet<Kind>, words: string, name: (node: string) => string): Moment[] {
  return moments.filter((m) => shown.has(m.kind) && holds(`${m.what} ${m.source} ${name(m.node)} ${m.detail}`, words))
}
