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
