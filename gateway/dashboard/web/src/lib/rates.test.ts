import { expect, test } from 'vitest'
import { History, path, Ring } from './rates.ts'

test('a ring keeps the newest in order', () => {
  const ring = new Ring(3)
  expect(ring.last()).toBeNaN()
  expect(ring.list()).toEqual([])
  for (const n of [1, 2, 3, 4, 5]) ring.push(n)
  expect(ring.list()).toEqual([3, 4, 5])
  expect(ring.list(2)).toEqual([4, 5])
  expect(ring.last()).toBe(5)
  expect(ring.length).toBe(3)
})

test('series share their moments, and what is missing is no number', () => {
  const history = new History(4, ['in', 'out'])
  history.push(1000, { in: 1, out: 2 })
  history.push(1000, { in: 9 })
  history.push(2000, { in: 3 })
  expect(history.times()).toEqual([1000, 2000])
  expect(history.values('in')).toEqual([1, 3])
  expect(history.values('out')).toEqual([2, NaN])
})

test('a path goes from 0 to the highest and leaves gaps', () => {
  expect(path([0, 5, 10], 20, 10)).toBe('M0 10L10 5L20 0')
  expect(path([1, NaN, 1], 20, 10)).toBe('M0 0M20 0')
  expect(path([0, 0], 20, 10)).toBe('M0 10L20 10')
  expect(path([1], 20, 10)).toBe('')
})
