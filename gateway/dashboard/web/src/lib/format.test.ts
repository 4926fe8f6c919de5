import { expect, test } from 'vitest'
import { ago, brief, bytes, count, isolated, lasting, latency, link, plural, rate, root, short, since, span, until } from './format.ts'

test.each([
  [0, '0 s'], [400, '0.4 s'], [2000, '2 s'], [9940, '9.9 s'], [42_000, '42 s'], [59_600, '1 min'], [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'], [273_600_000, '3 d 4 h'], [-5, '0 s'],
])('a span of %d ms is %s', (ms, text) => expect(span(ms)).toBe(text))

test.each([
  [0, '0'], [0.04, '<0.1'], [0.3, '0.3'], [4.24, '4.2'], [9.96, '10'], [38.4, '38'], [999.6, '1.0k'], [1234, '1.2k'], [45_600, '46k'], [NaN, '–'],
])('a rate of %d is %s', (n, text) => expect(rate(n)).toBe(text))

test.each([[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [10_737_418_240, '10 GiB']])('%d bytes are %s', (n, text) => expect(bytes(n)).toBe(text))

test.each([[0, '0 ms'], [0.01, '<0.1 ms'], [0.67, '0.7 ms'], [3.21, '3.2 ms'], [120.4, '120 ms'], [1300, '1.3 s']])('a latency of %d ms is %s', (n, text) => expect(latency(n)).toBe(text))

test('counts have separators, and what is no number is a dash', () => {
  expect(count(1234567)).toBe('1,234,567')
  expect(count(undefined)).toBe('–')
  expect(short(999)).toBe('999')
  expect(plural(1, 'node')).toBe('1 node')
  expect(plural(2, 'node')).toBe('2 nodes')
})

test('times are told from now on', () => {
  const now = Date.parse('2026-11-30T11:00:00Z')
  expect(lasting('2026-11-30T10:59:56.5Z', now)).toBe('3 s')
  expect(ago('2026-11-30T10:59:18Z', now)).toBe('42 s ago')
  expect(ago('2026-11-30T10:59:59.5Z', now)).toBe('just now')
  expect(ago(undefined, now)).toBe('never')
  expect(ago('0001-01-01T00:00:00Z', now)).toBe('never')
  expect(since('2026-11-30T11:00:03Z', now)).toBe(0)
  expect(until('2026-11-30T11:00:07.2Z', now)).toBe('in 8 s')
  expect(until('2026-11-30T10:00:00Z', now)).toBe('now')
  expect(until(undefined, now)).toBe('–')
})

test('a long text is cut at characters, not at their halves', () => {
  expect(brief('short')).toBe('short')
  expect(brief('😀😀😀😀', 3)).toBe('😀😀…')
})

test('only http and https may be followed', () => {
  expect(link('http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080/')
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'nonsense', '', undefined]) expect(link(bad)).toBeUndefined()
})

test('a name in the middle of a message turns nothing around beside it, whatever marks it holds', () => {
  expect(isolated('שלום')).toBe('\u2068שלום\u2069')
  expect(isolated('a\u2069\u202Eb')).toBe('\u2068a\\u2069\\u202Eb\u2069')
  expect(isolated('longer', 3)).toBe('\u2068lo…\u2069')
})

test('an address is the same with and without slashes at its end', () => {
  expect(['http://a:1', 'http://a:1/', 'http://a:1//'].map(root)).toEqual(['http://a:1', 'http://a:1', 'http://a:1'])
})
