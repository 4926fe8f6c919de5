import { expect, test } from 'vitest'
import { toggled } from './toggled.ts'

test('an item goes in, and out again, and the set that was given stays as it was', () => {
  const before: ReadonlySet<string> = new Set(['a'])
  expect([...toggled(before, 'b')]).toEqual(['a', 'b'])
  expect([...toggled(toggled(before, 'b'), 'a')]).toEqual(['b'])
  expect([...before]).toEqual(['a'])
})
