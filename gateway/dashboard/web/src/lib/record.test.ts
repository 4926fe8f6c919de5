import { expect, test } from 'vitest'
import { content, newest, sort } from './record.ts'
import type { RecordView } from './types.ts'

const record: RecordView = { stream: 's', time: '', received: '' }

test('what a record carries is its text as it came', () => {
  expect(content({ ...record, data: { a: 1.5 }, json: '{"a":1.50}' })).toBe('{"a":1.50}')
  expect(content({ ...record, data: 0 })).toBe('0')
  expect(content({ ...record, text: '<b>' })).toBe('<b>')
  expect(content({ ...record, base64: 'AAAA' })).toBe('AAAA')
  expect(content(record)).toBe('')
})

test('what is no JSON says on its row what it is', () => {
  expect(sort({ ...record, data: null, json: 'null' })).toBe('')
  expect(sort({ ...record, text: '<b>', content_type: 'text/html; charset=utf-8' })).toBe('text/html')
  expect(sort({ ...record, text: 'x' })).toBe('text')
  expect(sort({ ...record, base64: 'AAA=', content_type: 'application/octet-stream' })).toBe('application/octet-stream, 2 B, base64')
  expect(sort({ ...record, base64: '' })).toBe('binary, 0 B, base64')
  expect(sort(record)).toBe('')
})

test('the newest come first, of one moment the one that came last, and no more than so many', () => {
  const at = (s: number, key: string): RecordView => ({ ...record, received: `2026-11-30T11:00:0${s}Z`, key })
  expect(newest([at(1, 'a'), at(3, 'b'), at(3, 'c')], [at(2, 'd'), at(0, 'e')], 4).map((r) => r.key)).toEqual(['c', 'b', 'd', 'a'])
})
