import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Live } from './live.svelte.ts'
import { FakeSocket } from './testing/socket.ts'
import type { RecordView, SourceView } from './types.ts'

/** Node is all nodes of the mesh: what they answer, by path, and what they were asked. */
class Node {
  answers: Record<string, unknown> = { '/cluster': mesh, '/alarms': [], '/sources': { items: [] }, '/cluster/rates': { items: [] } }
  /** status is that of all answers; 0 is none at all. */
  status = 200
  asked: { at: string; path: string; token: string }[] = []

  answer(url: string, init: RequestInit): Promise<Response> {
    const [, at = '', path = ''] = /^(.*)\/api\/v1([^?]*)/.exec(url) ?? []
    this.asked.push({ at, path, token: (init.headers as Record<string, string>)['Authorization'] ?? '' })
    if (this.status === 0) return Promise.reject(new TypeError('no answer'))
    const text = JSON.stringify(this.status === 200 ? this.answers[path] : { code: 'unauthorized' })
    // Not a Response: reading its body takes turns of the real clock.
    return Promise.resolve({ ok: this.status === 200, status: this.status, text: () => Promise.resolve(text) } as Response)
  }

  paths() {
    return this.asked.map((a) => a.path).sort()
  }
}

const view = (name: string, self: boolean) => ({ id: name, name, state: 'alive', self, mesh: '', http: `http://${name}:1`, version: '', started: '', labels: {}, sources: 0, subscribers: 0, links: [], journal: { records: 0, bytes: 0 }, rates: { in: 0, out: 0 } })
const mesh = { cluster: 'lab', nodes: [view('a', true), view('b', false)] }
const source = (name: string, status: Partial<SourceView['status']> = {}): SourceView => ({ name, version: '', spec: {}, status: { state: 'running', since: '2026-11-30T10:00:00Z', records: 0, errors: 0, restarts: 0, rate: 1, ...status } })
const record = (stream: string, received: string, change: Partial<RecordView> = {}): RecordView => ({ stream, time: received, received, ...change })
const at = (s: number) => new Date(Date.UTC(2026, 10, 30, 11, 0, s)).toISOString()

let node: Node
let sockets: FakeSocket[]
let kept: Map<string, string>
let page: { baseURI: string; hidden: boolean; addEventListener: (type: string, run: () => void) => void; turns: (hidden: boolean) => void }

beforeEach(() => {
  vi.useFakeTimers()
  node = new Node()
  sockets = []
  kept = new Map()
  const listeners: (() => void)[] = []
  page = {
    baseURI: 'http://a:1/',
    hidden: false,
    addEventListener: (_type, run) => listeners.push(run),
    turns: (hidden) => {
      page.hidden = hidden
      for (const run of listeners) run()
    },
  }
  vi.stubGlobal('document', page)
  vi.stubGlobal('sessionStorage', { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v) })
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => node.answer(url, init))
  vi.stubGlobal(
    'WebSocket',
    class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        sockets.push(this)
      }
      override send(text: string) {
        super.send(text)
        if (this.sent.at(-1)?.['op'] === 'ping') this.says({ op: 'pong' })
      }
    },
  )
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const socket = () => sockets[sockets.length - 1]!
/** soon is time for what is under way to be answered and shown. */
const soon = () => vi.advanceTimersByTimeAsync(250)

/** loaded is the page just after it was loaded. */
async function loaded(): Promise<Live> {
  vi.resetModules()
  const { live } = await import('./live.svelte.ts')
  live.start()
  await soon()
  return live
}

/** opened is the page when it is connected, and nothing was asked since. */
async function opened(): Promise<Live> {
  const live = await loaded()
  socket().opens()
  await soon()
  node.asked = []
  return live
}

test('it listens to the mesh, asks for what is not told by itself, and shows it', async () => {
  node.answers['/sources'] = { items: [source('x')] }
  const live = await loaded()
  socket().opens()
  await soon()
  expect(socket().url).toBe('ws://a:1/api/v1/subscribe')
  expect(socket().sent.map((m) => [m['streams'], m['start']])).toEqual([
    [['$status.>'], 'latest'],
    [['$sources.>'], { last: 5 }],
    [['$errors.>'], { last: 5 }],
  ])
  expect(new Set(node.paths())).toEqual(new Set(['/alarms', '/cluster', '/cluster/rates', '/sources']))
  expect([live.cluster, live.name('b'), live.name('notknownhere')]).toEqual(['lab', 'b', 'notknown'])
  expect([live.nodes.map((n) => n.view.name), live.sources.map((s) => s.name), live.sourcesLoaded, live.alarmsLoaded]).toEqual([['a', 'b'], ['x'], true, true])
})

test('what is asked for is asked again every two seconds', async () => {
  await opened()
  await vi.advanceTimersByTimeAsync(6000)
  expect(node.paths().filter((p) => p === '/cluster')).toHaveLength(3)
  expect(node.paths().filter((p) => p === '/alarms')).toHaveLength(3)
})

test('a lost connection is told, and nothing is asked while it is lost', async () => {
  const live = await opened()
  socket().cut(1006, 'cut')
  expect(live.connection).toMatchObject({ phase: 'lost', reason: 'cut' })
  await vi.advanceTimersByTimeAsync(4000)
  expect(node.asked).toEqual([])
  expect(live.nodes).toHaveLength(2)
})

test('at another node every subscription goes on behind what it saw, and all is asked there at once', async () => {
  const live = await opened()
  for (const sub of ['1', '2', '3']) {
    socket().says({ op: 'subscribed', sub, after: ['a-1-5-0'] })
    socket().says({ op: 'live', sub })
  }
  socket().says({ op: 'records', sub: '3', stream: '$errors.x', pos: 'a-1-7-0', records: [record('$errors.x', at(1))] })
  socket().cut(4503, 'shutting down')
  expect(live.at).toBe('http://a:1')
  await vi.advanceTimersByTimeAsync(1000)
  expect(socket().url).toBe('ws://b:1/api/v1/subscribe')
  expect(live.at).toBe('http://a:1')
  socket().opens()
  await soon()
  expect(live.at).toBe('http://b:1')
  expect(socket().sent.map((m) => [m['streams'], m['start']])).toEqual([
    [['$status.>'], { after: ['a-1-5-0'] }],
    [['$sources.>'], { after: ['a-1-5-0'] }],
    [['$errors.>'], { after: ['a-1-7-0'] }],
  ])
  expect(node.paths()).toEqual(['/alarms', '/cluster', '/cluster/rates', '/sources'])
  expect(node.asked.every((a) => a.at === 'http://b:1')).toBe(true)
})

test('behind a gap a subscription goes on, and is not asked for what is gone', async () => {
  const live = await opened()
  socket().says({ op: 'subscribed', sub: '3', after: ['a-1-5-0'] })
  socket().says({ op: 'live', sub: '3' })
  socket().says({ op: 'gap', sub: '3', origin: 'a', from: 'a-1-5-0', to: 'a-1-9-0', reason: 'retention' })
  socket().says({ op: 'records', sub: '3', stream: '$errors.x', pos: 'a-1-10-0', records: [record('$errors.x', at(1))] })
  expect(live.errors).toHaveLength(1)
  socket().says({ op: 'gap', sub: '3', origin: 'a', from: 'a-1-10-0', to: 'a-1-12-0', reason: 'slow' })
  socket().cut()
  await vi.advanceTimersByTimeAsync(1000)
  socket().opens()
  expect(socket().sent[2]).toMatchObject({ streams: ['$errors.>'], start: { after: ['a-1-12-0'] } })
})

test('a token of this tab goes with everything, in no address', async () => {
  kept.set('anode.token', 'secret')
  await loaded()
  expect(socket().protocols).toContain('anode.bearer.secret')
  expect(node.asked.length).toBeGreaterThan(0)
  expect(node.asked.every((a) => a.token === 'Bearer secret')).toBe(true)
  expect(JSON.stringify([socket().url, node.asked.map((a) => a.at + a.path)])).not.toContain('secret')
})

test('a node that wants a token is asked no more until there is one, which is kept for the tab', async () => {
  const live = await opened()
  node.status = 401
  await vi.advanceTimersByTimeAsync(2000)
  expect(live.denied).toBe(true)
  node.asked = []
  await vi.advanceTimersByTimeAsync(10_000)
  expect(node.asked).toEqual([])
  node.status = 200
  live.authorize('better')
  expect([live.denied, kept.get('anode.token')]).toEqual([false, 'better'])
  await soon()
  expect(socket().protocols).toContain('anode.bearer.better')
  expect(node.asked.every((a) => a.token === 'Bearer better')).toBe(true)
  expect(node.paths()).toEqual(['/alarms', '/cluster', '/sources'])
})

test('a socket that is refused asks for a token too', async () => {
  const live = await opened()
  socket().cut(4401, 'bad token')
  expect([live.denied, live.connection.phase]).toEqual([true, 'refused'])
})

test('a node that fails to answer changes nothing that is shown', async () => {
  node.answers['/alarms'] = [{ severity: 'warning', node: 'a', since: at(0), reason: 'the disk is full', hint: '' }]
  const live = await opened()
  node.status = 0
  await vi.advanceTimersByTimeAsync(10_000)
  expect([live.alarms.length, live.nodes.length, live.denied]).toEqual([1, 2, false])
  node.status = 200
  node.answers['/alarms'] = []
  await vi.advanceTimersByTimeAsync(2500)
  expect(live.alarms).toEqual([])
})

test('errors are shown newest first, and no more than three hundred are kept', async () => {
  const live = await opened()
  const says = (from: number, n: number) => socket().says({ op: 'records', sub: '3', stream: '$errors.x', records: Array.from({ length: n }, (_, i) => record('$errors.x', at(from + i))) })
  says(10, 2)
  says(0, 1)
  expect(live.errors.map((r) => r.received)).toEqual([at(11), at(10), at(0)])
  socket().says({ op: 'records', sub: '3', stream: '$errors.x', records: [record('$errors.x', at(12), { key: 'first' }), record('$errors.x', at(12), { key: 'second' })] })
  expect(live.errors.slice(0, 2).map((r) => r.key)).toEqual(['second', 'first'])
  says(100, 400)
  expect([live.errors.length, live.errors[0]?.received, live.errors[299]?.received]).toEqual([300, at(499), at(200)])
})

test('a change of a source is shown before the next list', async () => {
  node.answers['/sources'] = { items: [source('x')] }
  const live = await opened()
  socket().says({ op: 'records', sub: '2', stream: '$sources.x', records: [record('$sources.x', at(1), { source: 'x', data: { state: 'stale', since: at(1) } })] })
  await soon()
  expect([live.sources[0]?.status.state, live.changes.length]).toEqual(['stale', 1])
})

test('of two alarms one clears and the other stands; one about a node of a source that is well is a note', async () => {
  const alarm = (source: string, on: string) => ({ severity: 'warning', node: on, source, since: at(0), reason: `source ${source} is connected and brings no data`, hint: '' })
  node.answers['/sources'] = { items: [source('birds', { state: 'stale' }), source('hook', { owners: ['a', 'b'], data: { ok: true } })] }
  node.answers['/alarms'] = [alarm('birds', 'a'), alarm('fish', 'a'), alarm('hook', 'b')]
  const live = await opened()
  expect([live.alarms.map((a) => a.source), live.notes.map((a) => a.source)]).toEqual([['birds', 'fish'], ['hook']])
  node.answers['/alarms'] = [alarm('fish', 'a'), alarm('hook', 'b')]
  await vi.advanceTimersByTimeAsync(2500)
  expect([live.alarms.map((a) => a.source), live.notes.map((a) => a.source)]).toEqual([['fish'], ['hook']])
})

test('what many nodes tell at once is shown together', async () => {
  const live = await opened()
  const before = live.moment
  for (let i = 0; i < 50; i++) socket().says({ op: 'records', sub: '1', stream: '$status.b', records: [{ stream: '$status.b', data: { node: { ...view('b', false), rates: { in: i, out: 0 } }, components: [] } }] })
  expect(live.moment).toBe(before)
  await vi.advanceTimersByTimeAsync(200)
  expect(live.moment).toBe(before + 1)
  expect(live.nodes[1]?.view.rates.in).toBe(49)
})

test('what is no status is left out', async () => {
  const live = await opened()
  socket().says({ op: 'records', sub: '1', stream: '$status.b', records: [{ stream: '$status.b', data: 'nonsense' }, { stream: '$status.b', data: { node: null } }] })
  await soon()
  expect(live.nodes.map((n) => n.heard)).toEqual([0, 0])
})

test('a page that nobody sees asks for nothing, and for all once it is seen', async () => {
  await opened()
  page.turns(true)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(node.asked).toEqual([])
  page.turns(false)
  await soon()
  expect(node.paths()).toEqual(['/alarms', '/cluster', '/sources'])
})

test('many sources are listed rarely, and often while a page shows them', async () => {
  node.answers['/sources'] = { items: Array.from({ length: 200 }, (_, i) => source(`s${i}`)) }
  const live = await opened()
  await vi.advanceTimersByTimeAsync(12_000)
  node.asked = []
  const lists = () => node.paths().filter((p) => p === '/sources').length
  await vi.advanceTimersByTimeAsync(20_000)
  expect(lists()).toBe(2)
  node.asked = []
  const end = live.watch()
  await soon()
  expect(lists()).toBe(1)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(lists()).toBe(6)
  end()
  await vi.advanceTimersByTimeAsync(12_000)
  node.asked = []
  await vi.advanceTimersByTimeAsync(20_000)
  expect(lists()).toBe(2)
})

test('how fast the mesh was before the page came is shown before what it saw', async () => {
  const now = Date.now()
  node.answers['/cluster/rates'] = { items: [30, 20, 10].map((s) => ({ at: new Date(now - s * 1000).toISOString(), in: s, out: 0 })) }
  const live = await opened()
  expect(live.mesh.total.values('in').slice(0, 3)).toEqual([30, 20, 10])
})
