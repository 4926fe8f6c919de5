import { expect, test } from 'vitest'
import { Tap } from './tap.ts'
import type { RecordView } from './types.ts'

const records = (...keys: string[]): RecordView[] => keys.map((key) => ({ stream: 'x', key, time: '', received: '' }))
const keys = (tap: Tap) => tap.lines.map((l) => l.record.key)

test('the newest come first, and only as many as are held', () => {
  const tap = new Tap(3)
  expect(tap.show()).toBe(false)
  tap.push(records('a', 'b'))
  expect(tap.show()).toBe(true)
  expect(keys(tap)).toEqual(['b', 'a'])
  tap.push(records('c', 'd'))
  tap.show()
  expect(keys(tap)).toEqual(['d', 'c', 'b'])
  expect(tap.lines.map((l) => l.n)).toEqual([4, 3, 2])
})

test('while it is paused nothing moves, and what waits is bounded', () => {
  const tap = new Tap(3)
  tap.push(records('a'))
  tap.show()
  tap.paused = true
  tap.push(records('b', 'c', 'd', 'e', 'f'))
  expect(tap.show()).toBe(false)
  expect(keys(tap)).toEqual(['a'])
  expect(tap.waiting).toBe(5)
  tap.paused = false
  tap.show()
  expect(keys(tap)).toEqual(['f', 'e', 'd'])
  expect(tap.waiting).toBe(0)
  expect(tap.seen).toBe(6)
})

test('cleared, it begins anew', () => {
  const tap = new Tap(3)
  tap.push(records('a'))
  tap.show()
  tap.push(records('b'))
  tap.clear()
  expect([tap.lines.length, tap.waiting, tap.seen, tap.show()]).toEqual([0, 0, 0, false])
})

test('the history that it begins with, stream by stream, is shown in the order of time, and before what comes after', () => {
  const tap = new Tap(10)
  const at = (key: string, received: string): RecordView => ({ stream: 'x', key, time: '', received })
  tap.gather()
  tap.push([at('a', '2026-11-30T11:00:01.5Z'), at('c', '2026-11-30T11:00:03Z')])
  tap.push([at('b', '2026-11-30T11:00:01.75Z')])
  expect(tap.show()).toBe(false)
  tap.begun()
  tap.push([at('d', '2026-11-30T11:00:02Z')])
  expect(tap.show()).toBe(true)
  expect(keys(tap)).toEqual(['d', 'c', 'b', 'a'])
  tap.begun()
  expect(tap.lines.map((l) => l.n)).toEqual([4, 3, 2, 1])
})
