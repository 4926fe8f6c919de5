import { expect, test } from 'vitest'
import { Sources } from './sources.ts'
import type { RecordView, SourceStatus, SourceView } from './types.ts'

const source = (name: string, status: Partial<SourceStatus> = {}): SourceView => ({ name, version: '', spec: {}, status: { state: 'running', since: '2026-11-30T11:00:00Z', records: 0, errors: 0, restarts: 0, rate: 1, ...status } })
const change = (name: string, state: unknown, since: string): RecordView => ({ stream: `$sources.${name}`, source: name, time: since, received: since, data: { state, since } })

test('rates are remembered of sources that are there', () => {
  const known = new Sources()
  known.list([source('a', { rate: 1 }), source('b', { rate: 5 })], 0)
  known.list([source('a', { rate: 2 })], 2000)
  expect(known.rates.get('a')?.list()).toEqual([1, 2])
  expect(known.rates.has('b')).toBe(false)
})

test('a change of state is shown before the next list, unless it is older', () => {
  const known = new Sources()
  known.list([source('a'), source('b')], 0)
  const before = known.items
  known.change(change('a', 'stale', '2026-11-30T11:00:05Z'))
  expect(known.items.map((s) => s.status.state)).toEqual(['stale', 'running'])
  expect(before[0]?.status.state).toBe('running')
  known.change(change('b', 'stale', '2026-11-30T10:00:00Z'))
  expect(known.items[1]?.status.state).toBe('running')
})

test('what one node of several says is not said of the whole, and nonsense changes nothing', () => {
  const known = new Sources()
  known.list([source('a', { owners: ['x', 'y'] }), source('b')], 0)
  known.change(change('a', 'stale', '2026-11-30T12:00:00Z'))
  known.change(change('b', 7, '2026-11-30T12:00:00Z'))
  known.change({ stream: '$sources.b', source: 'b', time: '', received: '', data: null })
  known.change(change('unknown', 'stale', '2026-11-30T12:00:00Z'))
  expect(known.items.map((s) => s.status.state)).toEqual(['running', 'running'])
})

const last = (s: number) => ({ ok: true, last: new Date(Date.UTC(2026, 10, 30, 11, 0, s)).toISOString() })

test('when a node dies that alone was pushed to, clocks tell when they went last', () => {
  const known = new Sources()
  known.list([source('a', { owners: ['x', 'y'], transport: last(5), protocol: last(4), data: last(3) })], 0)
  known.list([source('a', { owners: ['y'], transport: { ok: false }, data: { ok: true, last: last(1).last } })], 2000)
  expect(known.items[0]?.status).toMatchObject({ owners: ['y'], transport: { ok: false, last: last(5).last }, protocol: { ok: false, last: last(4).last }, data: { ok: true, last: last(3).last } })
  known.list([source('a', { data: last(9) })], 4000)
  expect(known.items[0]?.status.data).toEqual(last(9))
})

test('a source that was edited, or made anew, has no clocks of before', () => {
  const known = new Sources()
  known.list([{ ...source('a', { data: last(3) }), version: '1' }], 0)
  known.list([{ ...source('a'), version: '2' }], 2000)
  expect(known.items[0]?.status.data).toBeUndefined()
})

test('counts that fell are told, since when, until they are what they were', () => {
  const known = new Sources()
  const counts = (records: number, version = '') => [{ ...source('a', { records }), version }]
  known.list(counts(10), 1000)
  known.list(counts(12), 3000)
  expect(known.fell('a')).toBeUndefined()
  known.list(counts(2), 5000)
  known.list(counts(7), 7000)
  expect(known.fell('a')).toBe(5000)
  known.list(counts(12), 9000)
  expect(known.fell('a')).toBeUndefined()
  known.list(counts(3), 11_000)
  known.list(counts(0, 'edited'), 13_000)
  expect(known.fell('a')).toBeUndefined()
  known.list(counts(5, 'edited'), 15_000)
  known.list([], 17_000)
  known.list(counts(1, 'edited'), 19_000)
  expect(known.fell('a')).toBeUndefined()
})
