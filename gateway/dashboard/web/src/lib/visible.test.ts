import { expect, test } from 'vitest'
import { brief } from './format.ts'
import { apart, visible } from './visible.ts'

test.each([
  ['abc\u202Etxt.exe', 'abc\\u202Etxt.exe'],
  ['\u2066a\u2069\u200F\u061C', '\\u2066a\\u2069\\u200F\\u061C'],
  ['a\u0000b\u001b[31m\u0085', 'a\\u0000b\\u001B[31m\\u0085'],
  ['zero\u200Bwidth\uFEFF\u2060\u00AD', 'zero\\u200Bwidth\\uFEFF\\u2060\\u00AD'],
  ['line\u2028end', 'line\\u2028end'],
  ['tag\u{E0041}', 'tag\\u{E0041}'],
  ['half\uD800', 'half\\uD800'],
  ['two\r\nlines\tand a \r', 'two\r\nlines\tand a \\u000D'],
])('what would not be seen, or turn the rest around, is shown: %j', (text, shown) => {
  expect(visible(text)).toBe(shown)
  expect(brief(text, 1000)).toBe(shown)
})

test('what is only another script stays', () => {
  for (const text of ['שלום', 'مرحبا', '👩‍👩‍👧 é 日本', 'می‌خواهم']) expect(visible(text)).toBe(text)
})

test('each value stands apart where a script is written from the right', () => {
  expect(apart('{"k":"a","n":[1,2]}')).toEqual(['{"k":"a","n":[1,2]}'])
  expect(apart('{"k":"שלום","n":5}')).toEqual(['{', '"k"', ':', '"שלום"', ',', '"n"', ':5}'])
  expect(apart('["a\\"ש", "cut')).toEqual(['[', '"a\\"ש"', ', ', '"cut', ''])
  expect(apart('שלום')).toEqual(['שלום'])
})
