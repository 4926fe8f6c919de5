import { expect, test } from 'vitest'
import { kinds, select, timeline } from './timeline.ts'

const at = (s: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, s)).toISOString()
const all = timeline(
  [{ at: at(1), node: 'aaaa', source: 'x', event: 'registered', version: '1-aaaa', spec: { name: 'x' } }],
  [{ id: 'aaaa-1-1-0', stream: '$sources.x', source: 'x', time: at(3), received: at(3), data: { state: 'backoff', before: 'running', node: 'aaaa', last_error: 'refused' } }],
  [{ id: 'bbbb-1-2-0', stream: '$errors.y', time: at(2), received: at(2), data: { reason: 'map: null' } }, { stream: '$errors.z', time: at(0), received: at(0), text: 'strange' }],
  [{ severity: 'critical', node: 'bbbb', since: at(4), reason: 'the disk is full', hint: '' }],
  [],
)

test('the newest comes first, whoever told it', () => {
  expect(all.map((m) => m.kind)).toEqual(['alarm', 'state', 'error', 'registry', 'error'])
  expect(all[1]).toMatchObject({ what: 'backoff', source: 'x', detail: 'was running: refused', bad: true })
  expect(all[2]).toMatchObject({ source: 'y', node: 'bbbb', detail: 'map: null' })
  expect(all[3]).toMatchObject({ what: 'registered', bad: false, spec: { name: 'x' } })
  expect(new Set(all.map((m) => m.id)).size).toBe(5)
})

test('a node to which nobody pushes is listed and counted among the alarms, though the source is well', () => {
  const silent = { severity: 'warning', source: 'hook', reason: 'source hook is connected and brings no data', hint: '' } as const
  const moments = timeline([], [], [], [{ ...silent, node: 'aaaa', since: at(2) }], [{ ...silent, node: 'bbbb', since: at(1) }])
  expect(moments.filter((m) => m.kind === 'alarm').map((m) => [m.node, m.bad, m.detail])).toEqual([
    ['aaaa', true, 'connected and brings no data'],
    ['bbbb', false, 'connected and brings no data'],
  ])
})

test('what is shown has one of the kinds and all words', () => {
  const name = (id: string) => (id === 'aaaa' ? 'north' : id)
  expect(select(all, new Set(kinds), '', name).length).toBe(5)
  expect(select(all, new Set(['registry', 'state']), '', name).length).toBe(2)
  expect(select(all, new Set(kinds), 'NORTH refused', name).map((m) => m.kind)).toEqual(['state'])
  expect(select(all, new Set(), '', name)).toEqual([])
})
