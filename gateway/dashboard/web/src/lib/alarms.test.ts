import { expect, test } from 'vitest'
import { sentence, silence, split } from './alarms.ts'
import type { AlarmView, SourceView } from './types.ts'

const now = Date.parse('2026-11-30T11:00:42Z')
const alarm = (change: Partial<AlarmView>): AlarmView => ({ severity: 'warning', node: 'a', since: '', reason: '', hint: '', ...change })
const source = (status: Partial<SourceView['status']>): SourceView => ({
  name: 'kraken-trades', version: '', spec: {}, status: { state: 'stale', records: 0, errors: 0, restarts: 0, rate: 0, ...status },
})

test('a silent source says for how long, and that counts on', () => {
  const reason = 'source kraken-trades is connected and brings no data'
  const silent = source({ transport: { ok: true }, data: { ok: false, last: '2026-11-30T11:00:00Z' } })
  expect(sentence(alarm({ source: 'kraken-trades', reason }), [silent], now)).toBe('connected, but silent for 42 s')
  expect(sentence(alarm({ source: 'kraken-trades', reason }), [silent], now + 60_000)).toBe('connected, but silent for 1 min 42 s')
  expect(sentence(alarm({ source: 'kraken-trades', reason }), [], now)).toBe('connected and brings no data')
})

test('a source of which no data came yet', () => {
  expect(silence(source({ transport: { ok: true } }), now)).toBe('connected, but no data has come yet')
  expect(silence(source({ transport: { ok: false } }), now)).toBeUndefined()
})

test('other alarms are said as they are, without the name twice', () => {
  expect(sentence(alarm({ reason: 'node b is dead' }), [], now)).toBe('node b is dead')
  expect(sentence(alarm({ source: 'x', reason: 'source x is waiting after an error: refused' }), [], now)).toBe('waiting after an error: refused')
  expect(sentence(alarm({ source: 'x', reason: 'something else' }), [], now)).toBe('something else')
})

test('nodes are called by their names', () => {
  expect(sentence(alarm({ reason: 'node th7kuqrcscv6ybxs7qysk42num (bravo) is dead for 3 s' }), [], now)).toBe('node bravo is dead for 3 s')
})

test('a node to which nobody pushes is a note where the source is well as a whole, and an alarm where it is not', () => {
  const reason = 'source kraken-trades is connected and brings no data'
  const silent = alarm({ source: 'kraken-trades', node: 'b', reason })
  const dead = alarm({ severity: 'critical', reason: 'node x is dead', since: '2026-11-30T10:00:00Z' })
  const well = source({ state: 'running', owners: ['a', 'b'], data: { ok: true } })
  expect(split([silent, dead], [well])).toEqual({ alarms: [dead], notes: [silent] })
  expect(split([silent, dead], [source({ state: 'stale', owners: ['a', 'b'], data: { ok: false } })])).toEqual({ alarms: [dead, silent], notes: [] })
  expect(split([silent], [source({ state: 'running', owners: ['b'], data: { ok: true } })]).notes).toEqual([])
  expect(split([silent], []).notes).toEqual([])
})
