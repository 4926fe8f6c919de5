import { expect, test } from 'vitest'
import { became, body, pair, streamPattern, tried } from './pairs.ts'
import type { FrameView, RecordView } from './types.ts'

const frame = (ms: number, dir = 'in') => ({ received: `2026-11-30T11:00:00.${String(ms).padStart(3, '0')}9Z`, dir, text: String(ms) })
const record = (ms: number) => ({ stream: 's', time: '', received: `2026-11-30T11:00:00.${String(ms).padStart(3, '0')}Z`, key: String(ms) })

test('each record belongs to the last frame that came before it', () => {
  const pairs = pair([frame(100), frame(150, 'out'), frame(200)], [record(50), record(100), record(180), record(200), record(900)])
  expect(pairs.map((p) => [p.frame.text, p.records.map((r) => r.key)])).toEqual([['200', ['200', '900']], ['150', []], ['100', ['100', '180']]])
})

test('of frames at the same moment the one with the id of the record made it', () => {
  const frames = [{ ...frame(100), text: '{"id":7}' }, { ...frame(101), text: 'heartbeat' }, { ...frame(130), text: '{"id":8}' }]
  const pairs = pair(frames, [{ ...record(101), native_id: '7' }, { ...record(129), native_id: '8' }])
  expect(pairs.map((p) => p.records.map((r) => r.native_id))).toEqual([['8'], [], ['7']])
})

test.each([
  [{ name: 'a' }, 'a'], [{ stream: 'market.{symbol}' }, 'market.*'], [{ stream: '{a.b}.x' }, '*.x'], [{ stream: 'a.b-{c}.d' }, 'a.*.d'], [{ stream: 'plain' }, 'plain'],
])('%j is read by %s', (spec, pattern) => expect(streamPattern(spec, 'a')).toBe(pattern))

test('a body is shown whatever it is', () => {
  expect(body({ data: { a: 1 } })).toBe('{"a":1}')
  expect(body({ data: null })).toBe('null')
  expect(body({ text: 'x' })).toBe('x')
  expect(body({ base64: 'AA==' })).toBe('binary, base64: AA==')
  expect(body({})).toBe('')
})

test('that a frame became no record is said only where it is known', () => {
  expect(became(frame(1), 0, false)).toBe('')
  expect(became(frame(1), 0, true)).toBe('no record')
  expect(became(frame(1), 2, true)).toBe('')
  expect(became(frame(1, 'out'), 0, true)).toBe('')
})

test('a trial tells itself which frame made which record, what belongs to none, and what failed', () => {
  const frame = (text: string): FrameView => ({ received: '', dir: 'in', text })
  const record = (key: string): RecordView => ({ stream: 's', time: '', received: '', key })
  const outcome = tried({
    spec: null, frames: [frame('a'), frame('b')], records: [record('1'), record('2'), record('3'), record('4')], record_frames: [1, 1, -1],
    dropped: [{ reason: 'filtered' }, { reason: 'key: is an object' }, { reason: 'duplicate' }],
  })
  expect(outcome.pairs.map((p) => [p.frame.text, p.records.map((r) => r.key)])).toEqual([['a', []], ['b', ['1', '2']]])
  expect([outcome.loose, outcome.failed]).toEqual([2, 1])
})
