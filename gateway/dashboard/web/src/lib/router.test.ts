import { expect, test } from 'vitest'
import { href, parse } from './router.ts'

test('the empty hash is the overview', () => {
  for (const hash of ['', '#', '#/']) expect(parse(hash)).toEqual({ page: 'overview', param: '' })
})

test('any name survives the way into the hash and back', () => {
  for (const name of ['demo-market', 'market.>', '$errors.x', 'a/b', '100 %', '<b>', 'ü#?&'])
    expect(parse(href('streams', name))).toEqual({ page: 'streams', param: name })
})

test('what names no page, or is badly escaped, is no crash', () => {
  expect(parse('#/nothing/here')).toEqual({ page: 'missing', param: 'nothing/here' })
  expect(parse('#/sources/%')).toEqual({ page: 'sources', param: '%' })
})
