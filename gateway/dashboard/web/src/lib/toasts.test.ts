import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dismiss, toast, toasts } from './toasts.svelte.ts'

beforeEach(() => {
  vi.useFakeTimers()
  toasts.list = []
})
afterEach(() => vi.useRealTimers())

const texts = () => toasts.list.map((t) => t.text)

test('good news goes by itself after five seconds, bad news stays', () => {
  toast('done')
  toast('refused', true)
  vi.advanceTimersByTime(4999)
  expect(texts()).toEqual(['done', 'refused'])
  vi.advanceTimersByTime(1)
  expect(texts()).toEqual(['refused'])
  vi.advanceTimersByTime(3_600_000)
  expect(texts()).toEqual(['refused'])
})

test('each lives for its own time', () => {
  toast('first')
  vi.advanceTimersByTime(3000)
  toast('second')
  vi.advanceTimersByTime(2000)
  expect(texts()).toEqual(['second'])
})

test('what is closed is gone, and nothing else', () => {
  toast('a', true)
  toast('b', true)
  dismiss(toasts.list[0]?.id)
  expect(texts()).toEqual(['b'])
  dismiss(-1)
  expect(texts()).toEqual(['b'])
})

test('at most four are shown, the newest last', () => {
  for (const text of ['a', 'b', 'c', 'd', 'e']) toast(text)
  expect(texts()).toEqual(['b', 'c', 'd', 'e'])
})

test('good news crowds out no bad news', () => {
  toast('refused', true)
  for (const text of ['a', 'b', 'c', 'd', 'e']) toast(text)
  expect(texts()).toEqual(['refused', 'c', 'd', 'e'])
})

test('where all is bad the oldest makes room for what just happened', () => {
  for (const text of ['a', 'b', 'c', 'd']) toast(text, true)
  toast('done')
  expect(texts()).toEqual(['b', 'c', 'd', 'done'])
})

test('the same text twice is two', () => {
  toast('Copied.')
  toast('Copied.')
  expect(new Set(toasts.list.map((t) => t.id)).size).toBe(2)
})
