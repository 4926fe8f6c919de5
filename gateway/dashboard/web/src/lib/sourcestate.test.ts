import { expect, test } from 'vitest'
import { attention, counts, explain, look } from './sourcestate.ts'
import type { SourceStatus, SourceView } from './types.ts'

const now = Date.parse('2026-11-30T11:00:42Z')
const source = (state: string, status: Partial<SourceStatus> = {}): SourceView => ({ name: state, version: '', spec: {}, status: { state, records: 0, errors: 0, restarts: 0, rate: 0, ...status } })

test.each([
  [source('running'), 'data is coming'],
  [source('running', { records: 5, dropped: { failed: 5 } }), 'data is coming'],
  [source('running', { records: 5, dropped: { failed: 95 }, last_error: 'map: no' }), 'runs, but 95 % of what came could not be made records: map: no'],
  [source('stale', { transport: { ok: true }, data: { ok: false, last: '2026-11-30T11:00:00Z' } }), 'connected, but silent for 42 s'],
  [source('backoff', { next_at: '2026-11-30T11:00:50Z', last_error: 'refused' }), 'waits and tries again in 8 s: refused'],
  [source('pending', { owners: [], why: 'no node has the label region=eu' }), 'no node has the label region=eu'],
  [source('pending'), 'waits to be started'],
  [source('failed', { last_error: 'the secret is missing' }), 'the secret is missing'],
  [source('paused'), 'paused by an operator'],
  [source('connecting'), 'is connecting'],
  [source('something-new'), 'something-new'],
])('%j', (s, text) => expect(explain(s, now)).toBe(text))

test('what needs a look comes first', () => {
  expect(attention('failed')).toBeLessThan(attention('stale'))
  expect(attention('stale')).toBeLessThan(attention('running'))
  expect(counts([source('running'), source('failed'), source('running')])).toEqual([{ state: 'failed', count: 1 }, { state: 'running', count: 2 }])
  expect([look('running'), look('stale'), look('failed'), look('paused'), look('new')]).toEqual(['ok', 'warn', 'bad', 'off', 'busy'])
})
