import { expect, test } from 'vitest'
import { locate } from './locate.ts'

const spec = `name: a
kind: rest
transform:
  where: .a
  map: '{a'
rest: {every: 1x, query: {limit: 1}}
on:
  - when: .a
    fail: x
  - when: .b
    set: y
key: .a
map: no
`

test.each([
  ['/name', 1], ['/transform', 3], ['/transform/map', 5], ['/rest/every', 6], ['/rest/query/limit', 6], ['/on/1', 10], ['/on/1/set', 11], ['/on/0/when', 8], ['/map', 13], ['/key', 12],
  ['', 0], ['/', 0], ['/nothing', 0], ['/transform/nothing', 3],
])('%s is at line %d', (path, line) => expect(locate(spec, path)).toBe(line))

test('JSON is found too', () => {
  const text = JSON.stringify({ name: 'a', transform: { where: '.', map: '{' }, on: [{ when: '.a' }, { when: '.b' }] }, null, 2)
  expect(locate(text, '/transform/map')).toBe(5)
  expect(locate(text, '/on/1/when')).toBe(12)
  expect(locate('{"name":1,"kind":2}', '/kind')).toBe(1)
})
