import { expect, test } from 'vitest'
import { Cursor, less } from './cursor.ts'

test('positions compare as numbers, first the epoch', () => {
  expect(less('a-9-1-0', 'a-10-0-0')).toBe(true)
  expect(less('a-10-9-0', 'a-10-10-0')).toBe(true)
  expect(less('a-1-1-2', 'a-1-1-10')).toBe(true)
  expect(less('a-1-1-1', 'a-1-1-1')).toBe(false)
  expect(less('a-18446744073709551615-0-0', 'a-18446744073709551614-9-9')).toBe(false)
})

test('a cursor keeps the highest of each origin, whatever comes later', () => {
  const cursor = new Cursor()
  cursor.merge(['a-1-5-0', 'b-1-1-0'])
  cursor.merge(['a-1-4-7'])
  cursor.merge(['b-2-0-0', 'c-1-1-1'])
  expect(cursor.list().sort()).toEqual(['a-1-5-0', 'b-2-0-0', 'c-1-1-1'])
})

test('the time of a cursor is kept, and nonsense is not', () => {
  const cursor = new Cursor()
  cursor.merge(['@1796037576906', 'nonsense', 'a-x-1-0', '-1-1-1'])
  expect(cursor.list()).toEqual(['@1796037576906'])
})
