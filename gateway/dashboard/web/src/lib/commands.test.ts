import { expect, test } from 'vitest'
import { commands, single, shell } from './commands.ts'

test('each way names the pattern and the filter', () => {
  const [cli, curl, js] = commands('http://one:8080', 'market.>', '.data.price > 100').map((c) => c.text)
  expect(cli).toBe(`anode subscribe 'market.>' --where '.data.price > 100' --server http://one:8080`)
  expect(curl).toBe(`curl -N 'http://one:8080/api/v1/streams/market.%3E/events?where=.data.price+%3E+100'`)
  expect(js).toContain('new WebSocket("ws://one:8080/api/v1/subscribe", "anode.v1.json")')
  expect(js).toContain('"streams":["market.>"],"start":"latest","where":".data.price > 100"')
})

test('what is untrusted stays one word', () => {
  expect(shell("it's; rm -rf /")).toBe(`'it'\\''s; rm -rf /'`)
  expect(shell('$(x)')).toBe(`'$(x)'`)
  expect(shell('')).toBe(`''`)
  expect(shell('lab.a.temp')).toBe('lab.a.temp')
  const js = commands('http://one', '</script>\u2028', '').at(-1)?.text
  expect(js).not.toContain('</script>')
  expect(js).not.toContain('\u2028')
})

test('a pattern is no stream', () => {
  expect(['lab.a', '$errors.x', 'lab.*', '>', 'lab.', ''].map(single)).toEqual([true, true, false, false, false, false])
})
