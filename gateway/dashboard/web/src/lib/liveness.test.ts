import { expect, test } from 'vitest'
import { clocks, late } from './liveness.ts'
import type { SourceView } from './types.ts'

test.each([
  [{ ok: false }, '30s', false, true],
  [{ ok: false }, undefined, false, false],
  [{ ok: false }, '0', false, false],
  [{ ok: false }, '0s', false, false],
  [{ ok: false }, '30s', true, false],
  [{ ok: true }, '30s', false, false],
  [undefined, '30s', false, false],
] as const)('%j with the limit %j, idle %j: late is %j', (clock, limit, idle, is) => expect(late(clock, limit, idle)).toBe(is))

test('each clock has its own limit; one that is late looks so before anything came, one of a source that rests never does', () => {
  const source = (state: string): SourceView => ({
    name: 'x', version: '', spec: { liveness: { transport: '30s', data: '60s' } },
    status: { state, records: 0, errors: 0, restarts: 0, rate: 0, transport: { ok: true, last: '2026-11-30T11:00:00Z' }, protocol: { ok: false }, data: { ok: false } },
  })
  expect(clocks(source('stale')).map((c) => [c.name, c.limit, c.late, c.health])).toEqual([
    ['connection', '30s', false, 'ok'],
    ['messages', undefined, false, 'off'],
    ['records', '60s', true, 'warn'],
  ])
  expect(clocks(source('paused')).map((c) => c.health)).toEqual(['off', 'off', 'off'])
})
