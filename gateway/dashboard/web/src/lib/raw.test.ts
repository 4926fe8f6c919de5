import { expect, test } from 'vitest'
import { body } from './pairs.ts'
import { parse, pretty } from './raw.ts'
import { specYaml } from './yaml.ts'
import type { List, RecordView } from './types.ts'

const wild = String.raw`{"n":12345678901234567890,"f":0.1000000000000000055511151231257827,"e":1e400,"z":-0,"t":1.50,"h":9007199254740993,"a":1,"a":2,"data":{"x":[1.0]},"q":"a\"}]\\"}`
const record = (data: string) => `{"id":"x-1","stream":"hx.big","data":${data},"time":"","received":""}`

test.each(['records', 'items'])('what a record carries is shown digit by digit as the node gave it, in %s', (name) => {
  const texts = [wild, '1e400', ' [ 1.0 , -0 ] ', String.raw`"\u0041\\"`, 'null', '""', '[]']
  const list = parse<Record<string, RecordView[]>>(`{"op":"records","next":"\\"data\\"","x":{"data":[{"data":1}]},"${name}":[${texts.map(record).join(', ')}, {"stream":"s","base64":"AA=="}],"dropped":[]}`)
  expect(list[name]?.map((r) => body(r))).toEqual([...texts.map((t) => t.trim()), 'binary, base64: AA=='])
})

test('what holds no records is read as it is', () => {
  expect(parse('{"data":{"a":1.50}}')).toEqual({ data: { a: 1.5 } })
  expect(parse('[{"data":1}]')).toEqual([{ data: 1 }])
  expect(parse('"data"')).toBe('data')
  expect(parse('{"items":null,"records":"data","data":3}')).toEqual({ items: null, records: 'data', data: 3 })
  expect(parse<List<{ data: number }>>('{"items":[1,"data",null,[{"data":2}],{"data":7}]}').items.at(-1)).toMatchObject({ data: 7, json: '7' })
  expect(() => parse('{"data":')).toThrow(SyntaxError)
})

test('of a member that stands twice the last counts, here as there', () => {
  expect(parse<List<RecordView>>('{"items":[{"stream":"a","data":1.0,"data":2.0}]}').items[0]).toMatchObject({ data: 2, json: '2.0' })
})

test('many lines are made of it, and nothing else is changed', () => {
  expect(pretty('{"n":1.50,"e":1e400,"l":[1,{"a":[]}],"o":{ },"s":"a:{,\\"}","a":1,"a":2}')).toBe('{\n  "n": 1.50,\n  "e": 1e400,\n  "l": [\n    1,\n    {\n      "a": []\n    }\n  ],\n  "o": {},\n  "s": "a:{,\\"}",\n  "a": 1,\n  "a": 2\n}')
  expect(pretty('-0')).toBe('-0')
  expect(pretty(wild).replace(/\s/g, '')).toBe(wild.replace(/\s/g, ''))
  expect(pretty('['.repeat(20_000) + ']'.repeat(20_000), 1000).length).toBeLessThan(1100)
})

test('a spec is read, and written as YAML, with every digit of its numbers', () => {
  const { spec } = parse<{ spec: Record<string, unknown> }>('{"name":"a","version":1.50,"spec":{"name":"a","since":{"from":".n","start":12345678901234567890},"rest":{"body":[1.50,{"x":1e400,"y":-0,"\\u0061":7}],"query":{"limit":100,"__proto__":9007199254740993}}}}')
  expect(specYaml(spec)).toBe(`name: a
since: {from: .n, start: 12345678901234567890}
rest:
  body:
    - 1.50
    - {x: 1e400, 'y': -0, a: 7}
  query: {limit: 100, __proto__: 9007199254740993}
`)
})
