import { expect, test } from 'vitest'
import { choose } from './filter.ts'
import type { SourceStatus, SourceView } from './types.ts'

const source = (name: string, state: string, status: Partial<SourceStatus> = {}, spec = {}): SourceView => ({ name, version: '', spec, status: { state, records: 0, errors: 0, restarts: 0, rate: 0, ...status } })
const all = [
  source('b', 'running', { rate: 5, owners: ['n1'] }, { kind: 'rest', labels: { team: 'lab' } }),
  source('a', 'running', { rate: 1, owners: ['n2'] }, { kind: 'sse', url: 'https://feed.example/' }),
  source('c', 'failed', { last_error: 'Refused' }),
]
const names = { n1: 'berlin', n2: 'oslo' } as Record<string, string>
const pick = (text: string, states: string[] = [], sort = 'name', descending = false) => choose(all, { text, states: new Set(states), sort, descending }, (id) => names[id] ?? id).map((s) => s.name).join('')

test('all words must be found, in whatever a source is', () => {
  expect(pick('')).toBe('abc')
  expect(pick('team=lab')).toBe('b')
  expect(pick('OSLO running')).toBe('a')
  expect(pick('feed.example')).toBe('a')
  expect(pick('refused')).toBe('c')
  expect(pick('running nothing')).toBe('')
})

test('by state, and in order', () => {
  expect(pick('', ['running'])).toBe('ab')
  expect(pick('', ['failed', 'stale'])).toBe('c')
  expect(pick('', [], 'state')).toBe('cab')
  expect(pick('', [], 'rate', true)).toBe('bac')
  expect(pick('', [], 'owner')).toBe('cba')
})

test('what came is not changed', () => {
  pick('', [], 'rate')
  expect(all.map((s) => s.name)).toEqual(['b', 'a', 'c'])
})
