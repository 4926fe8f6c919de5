import { beforeEach, expect, test } from 'vitest'
import { Connection, type Environment, type Gap, type State } from './connection.ts'
import { FakeSocket } from './testing/socket.ts'

/** World is virtual time and the sockets that were opened in it. */
class World implements Environment {
  time = 0
  sockets: FakeSocket[] = []
  #timers: { at: number; run: () => void }[] = []
  open(url: string, protocols: string[]) {
    const socket = new FakeSocket(url, protocols)
    this.sockets.push(socket)
    return socket
  }
  now() {
    return this.time
  }
  after(ms: number, run: () => void) {
    const timer = { at: this.time + ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }
  random() {
    return 0.5
  }
  pass(ms: number) {
    const end = this.time + ms
    for (;;) {
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.time = next.at
      this.#timers = this.#timers.filter((t) => t !== next)
      next.run()
    }
    this.time = end
  }
  get last() {
    return this.sockets[this.sockets.length - 1]!
  }
}

let world: World
let states: State[]
let connection: Connection

beforeEach(() => {
  world = new World()
  states = []
  connection = new Connection(world, 'http://a:1', (s) => states.push(s))
})

const phases = () => states.map((s) => s.phase)
const nothing = { records: () => {} }

test('it opens at the address that the page came from, the token beside the subprotocol and not in the address', () => {
  connection.start('secret')
  expect(world.last.url).toBe('ws://a:1/api/v1/subscribe')
  expect(world.last.protocols).toEqual(['anode.v1.json', 'anode.bearer.secret'])
  world.last.opens()
  expect(phases()).toEqual(['connecting', 'open'])
})

test('https becomes wss', () => {
  new Connection(world, 'https://a', () => {}).start()
  expect(world.last.url).toBe('wss://a/api/v1/subscribe')
})

test('subscriptions made before and after opening are sent once each', () => {
  connection.start()
  connection.subscribe({ streams: ['$status.>'] }, nothing)
  world.last.opens()
  connection.subscribe({ streams: ['x'], where: '.key == "a"', policy: { conflate: '250ms' }, unique: true, start: { last: 5 } }, nothing)
  expect(world.last.sent).toEqual([
    { op: 'subscribe', sub: '1', streams: ['$status.>'], start: 'latest' },
    { op: 'subscribe', sub: '2', streams: ['x'], start: { last: 5 }, where: '.key == "a"', policy: { conflate: '250ms' }, unique: true },
  ])
})

test('what was seen is where it goes on after a cut', () => {
  const got: string[] = []
  connection.subscribe({ streams: ['x'] }, { records: (r) => got.push(...r.map((x) => x.key ?? '')) })
  connection.start()
  world.last.opens()
  world.last.says({ op: 'subscribed', sub: '1', after: ['a-1-5-0', 'b-1-1-0', '@77'] })
  world.last.says({ op: 'records', sub: '1', stream: 'x', pos: 'a-1-6-0', records: [{ key: 'k' }] })
  world.last.says({ op: 'gap', sub: '1', origin: 'b', from: 'b-1-1-0', to: 'b-1-9-0', reason: 'retention' })
  world.last.cut()
  world.pass(1000)
  world.last.opens()
  expect(got).toEqual(['k'])
  expect(world.sockets).toHaveLength(2)
  expect(world.last.sent).toEqual([{ op: 'subscribe', sub: '1', streams: ['x'], start: { after: ['a-1-6-0', 'b-1-9-0', '@77'] } }])
})

test('a gap is told to who subscribed, and to nobody else', () => {
  const gaps: Gap[] = []
  const others: Gap[] = []
  connection.subscribe({ streams: ['x'] }, { records: () => {}, gap: (gap) => gaps.push(gap) })
  connection.subscribe({ streams: ['y'] }, { records: () => {}, gap: (gap) => others.push(gap) })
  connection.start()
  world.last.opens()
  world.last.says({ op: 'gap', sub: '1', origin: 'b', from: 'b-1-1-0', to: 'b-1-9-0', reason: 'slow' })
  expect(gaps).toEqual([{ origin: 'b', from: 'b-1-1-0', to: 'b-1-9-0', reason: 'slow' }])
  expect(others).toEqual([])
})

test('a start with the last n is asked again when it was cut before it was live, and resumed afterwards', () => {
  connection.subscribe({ streams: ['x'], start: { last: 3 } }, nothing)
  connection.start()
  world.last.opens()
  world.last.says({ op: 'subscribed', sub: '1', after: ['a-1-5-0'] })
  world.last.cut()
  world.pass(1000)
  world.last.opens()
  expect(world.last.sent[0]).toMatchObject({ start: { last: 3 } })
  world.last.says({ op: 'live', sub: '1' })
  world.last.cut()
  world.pass(1000)
  world.last.opens()
  expect(world.last.sent[0]).toMatchObject({ start: { after: ['a-1-5-0'] } })
})

test('a cut is tried once more at the same node, then at the others in turn, and the page is told', () => {
  connection.start()
  world.last.opens()
  connection.know(['http://a:1/', 'http://b:2', 'http://c:3', 'javascript:alert(1)'])
  world.last.cut()
  world.pass(500)
  world.last.cut()
  world.pass(500)
  world.last.cut()
  world.pass(500)
  expect(world.sockets.map((s) => s.url.slice(5, 8))).toEqual(['a:1', 'a:1', 'b:2', 'c:3'])
  expect(connection.state).toMatchObject({ phase: 'lost', base: 'http://c:3', tries: 2 })
  world.last.opens()
  expect(connection.state).toMatchObject({ phase: 'open', base: 'http://c:3', tries: 0 })
})

test('the nodes that a subscription names are known too', () => {
  connection.subscribe({ streams: ['x'] }, nothing)
  connection.start()
  world.last.opens()
  world.last.says({ op: 'subscribed', sub: '1', after: [], nodes: ['http://b:2'] })
  world.last.cut(4503, 'shutting down')
  world.pass(500)
  expect(world.last.url).toBe('ws://b:2/api/v1/subscribe')
})

test('rounds over all nodes come ever slower, but never end', () => {
  connection.start()
  connection.know(['http://b:2'])
  const pauses: number[] = []
  for (let i = 0; i < 30; i++) {
    const from = world.time
    const opened = world.sockets.length
    world.last.cut()
    while (world.sockets.length === opened) world.pass(100)
    pauses.push(world.time - from)
  }
  expect(pauses[0]).toBeLessThanOrEqual(300)
  expect(pauses[4]).toBeGreaterThan(pauses[0]!)
  expect(pauses.slice(20).every((p) => p === 10_000)).toBe(true)
})

test('one that does not open is given up', () => {
  connection.start()
  connection.know(['http://b:2'])
  const first = world.last
  world.pass(6000)
  expect(first.closed).toBe(true)
  expect(world.last.url).toBe('ws://b:2/api/v1/subscribe')
  first.opens()
  expect(connection.state.phase).toBe('lost')
})

test('a connection on which nothing comes is pinged, then left', () => {
  connection.start()
  const first = world.last
  first.opens()
  world.pass(10_000)
  expect(first.sent).toEqual([{ op: 'ping', id: 'p' }])
  first.says({ op: 'pong', id: 'p' })
  world.pass(15_000)
  expect(first.closed).toBe(false)
  world.pass(6000)
  expect(first.closed).toBe(true)
})

test('a refusal is final until there is another token', () => {
  connection.start()
  world.last.cut(4401, 'bad token')
  world.pass(60_000)
  expect(world.sockets).toHaveLength(1)
  expect(connection.state).toMatchObject({ phase: 'refused', reason: 'bad token' })
  connection.start('better')
  expect(world.sockets).toHaveLength(2)
})

test('an error of a subscription ends that one alone', () => {
  const errors: string[] = []
  connection.subscribe({ streams: ['x'], where: '((' }, { records: () => {}, error: (code, message) => errors.push(`${code}: ${message}`) })
  connection.subscribe({ streams: ['y'] }, nothing)
  connection.start()
  world.last.opens()
  world.last.says({ op: 'error', sub: '1', code: 'invalid_filter', message: 'no' })
  world.last.cut()
  world.pass(1000)
  world.last.opens()
  expect(errors).toEqual(['invalid_filter: no'])
  expect(world.last.sent.map((m) => m['sub'])).toEqual(['2'])
})

test('what was ended gets nothing, and nonsense is no crash', () => {
  let got = 0
  const end = connection.subscribe({ streams: ['x'] }, { records: () => got++ })
  connection.start()
  world.last.opens()
  end()
  end()
  world.last.says({ op: 'records', sub: '1', records: [] })
  world.last.onmessage?.({ data: '{' })
  world.last.onmessage?.({ data: new ArrayBuffer(1) })
  expect(got).toBe(0)
  expect(world.last.sent.map((m) => m['op'])).toEqual(['subscribe', 'unsubscribe'])
})

test('after stop nothing is opened', () => {
  connection.start()
  world.last.opens()
  connection.stop()
  world.pass(60_000)
  expect(world.sockets).toHaveLength(1)
})
