import { expect, test } from 'vitest'
import { specYaml, yaml } from './yaml.ts'

test('a spec reads as people write one', () => {
  expect(
    specYaml({
      kind: 'websocket', transform: { where: '.event == "trade"', map: '{id, symbol}' }, name: 'demo-market', url: 'ws://127.0.0.1:1/demo?t=1',
      websocket: { open: [{ op: 'subscribe', channels: ['trades', 'book'] }] }, stream: 'market.{symbol}', key: '.symbol', liveness: { transport: '10s', data: '30s' }, paused: false, redundancy: 2,
    }),
  ).toBe(`name: demo-market
kind: websocket
url: ws://127.0.0.1:1/demo?t=1
stream: 'market.{symbol}'
transform:
  where: '.event == "trade"'
  map: '{id, symbol}'
websocket:
  open:
    - op: subscribe
      channels: [trades, book]
key: .symbol
liveness: {transport: 10s, data: 30s}
paused: false
redundancy: 2
`)
})

test('what YAML would read as something else is quoted', () => {
  for (const value of ['true', 'No', 'null', '1', '1.5', '1e3', '', ' x', 'x ', '- x', '# x', 'a: b', 'a #b', '*x', '&x', '!x', '@x', '`x', '%x', '{x', '[x', ']', ',', '|', '>', 'a:', '.5', '.nan', '?', '"x"', '0x1f', '~', '2026-01-01'])
    expect(yaml({ a: value })).toMatch(/^a: ['"].*['"]\n$/)
})

test('quotes, control characters and several lines survive', () => {
  expect(yaml({ a: "it's" })).toBe('a: "it\'s"\n')
  expect(yaml({ a: 'x\u0000\u0085' })).toBe('a: "x\\u0000\\u0085"\n')
  expect(yaml({ a: 'one\n  two\n\nthree' })).toBe('a: |-\n  one\n    two\n\n  three\n')
  expect(yaml({ a: 'one\n' })).toBe('a: |\n  one\n')
  expect(yaml({ a: '  one\ntwo' })).toBe('a: "  one\\ntwo"\n')
})

test('empty and nested things', () => {
  expect(yaml({})).toBe('{}\n')
  expect(yaml({ a: {}, b: [], c: [[1, 2], [{ d: null }]] })).toBe('a: {}\nb: []\nc:\n  - [1, 2]\n  -\n    - {d: null}\n')
})
