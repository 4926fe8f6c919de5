import { expect, test } from 'vitest'
import { componentHealth, edges, health, Mesh } from './mesh.ts'
import type { LinkView, NodeView, StatusView } from './types.ts'

function node(id: string, change: Partial<NodeView> = {}): NodeView {
  return {
    id, name: id, state: 'alive', self: false, mesh: '', http: `http://${id}`, version: '', started: '', labels: {}, sources: 0, subscribers: 0,
    links: [], journal: { records: 0, bytes: 0 }, rates: { in: 0, out: 0 }, ...change,
  }
}
const status = (id: string, change: Partial<NodeView> = {}): StatusView => ({ node: node(id, { self: true, ...change }), components: [], alarms: 0 })
const link = (peer: string, change: Partial<LinkView> = {}): LinkView => ({ peer, state: 'up', rtt_ms: 1, lag: 0, queued_bytes: 0, ...change })

test('what a node says of itself is shown at once, and whether it lives is for others to say', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: 'c', nodes: [node('a', { self: true }), node('b', { state: 'suspect', rates: { in: 1, out: 1 } })] }, 1000)
  mesh.status(status('b', { rates: { in: 40, out: 2 } }), 2000)
  const b = mesh.nodes.get('b')!
  expect(b.view).toMatchObject({ state: 'suspect', self: false, rates: { in: 40, out: 2 } })
  expect(b.history.values('in')).toEqual([40])
})

test('what another node retells is older than a status that came just now, but counts when none comes any more', () => {
  const mesh = new Mesh()
  mesh.status(status('b', { rates: { in: 40, out: 0 } }), 1000)
  mesh.view({ cluster: 'c', nodes: [node('b', { rates: { in: 39, out: 0 } })] }, 2000)
  expect(mesh.nodes.get('b')?.view.rates.in).toBe(40)
  mesh.view({ cluster: 'c', nodes: [node('b', { rates: { in: 0, out: 0 }, state: 'dead' })] }, 20_000)
  expect(mesh.nodes.get('b')?.view).toMatchObject({ state: 'dead', rates: { in: 0 } })
})

test('the whole counts nodes that take part only', () => {
  const mesh = new Mesh()
  const rates = { in: 10, out: 1 }
  mesh.view({ cluster: 'c', nodes: [node('a', { rates }), node('b', { rates, state: 'draining' }), node('c', { rates, state: 'dead' })] }, 1000)
  expect(mesh.total.values('in')).toEqual([20])
  expect(mesh.total.values('out')).toEqual([2])
})

test('nodes that are not known any more are forgotten, and the one that is asked may change', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: 'c', nodes: [node('a', { self: true }), node('b')] }, 1000)
  mesh.view({ cluster: 'c', nodes: [node('b', { self: true })] }, 3000)
  expect(mesh.list().map((n) => [n.view.id, n.view.self])).toEqual([['b', true]])
})

test('where to go next: those that live first, never one that left', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: 'c', nodes: [node('a', { state: 'dead' }), node('b'), node('c', { state: 'draining' }), node('d', { state: 'left' }), node('e', { http: '' })] }, 1)
  expect(mesh.addresses()).toEqual(['http://b', 'http://c', 'http://a'])
})

test.each([
  [{ state: 'dead' }, [], 'bad', 'dead'],
  [{ state: 'suspect' }, [], 'warn', 'does not answer'],
  [{ state: 'draining' }, [], 'busy', 'draining'],
  [{ state: 'left' }, [], 'off', 'left'],
  [{ banned: true }, [], 'bad', 'shut out'],
  [{}, [{ name: 'archive', state: 'degraded' as const }, { name: 'journal', state: 'failed' as const }], 'bad', 'journal failed'],
  [{}, [{ name: 'archive', state: 'degraded' as const }], 'warn', 'archive degraded'],
  [{}, [{ name: 'archive', state: 'off' as const }, { name: 'sources', state: 'degraded' as const }], 'ok', 'alive'],
])('%j with %j is %s: %s', (change, components, level, text) => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a', change)] }, 1)
  const state = { ...mesh.nodes.get('a')!, components, heard: 1000 }
  expect(health(state, 2000)).toEqual({ health: level, text })
})

test('a node that lives but tells nothing is said to', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a')] }, 1)
  mesh.status(status('a'), 1000)
  expect(health(mesh.nodes.get('a')!, 12_000)).toEqual({ health: 'warn', text: 'tells no status' })
})

test('a link is told by both ends: of two answers the worse counts', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a', { links: [link('b', { rtt_ms: 1, lag: 7 }), link('ghost'), link('a')] }), node('b', { links: [link('a', { state: 'silent', rtt_ms: 3, queued_bytes: 9 })] })] }, 1)
  expect(edges(mesh.list())).toEqual([{ from: 'a', to: 'b', health: 'bad', state: 'silent', rtt: 3, lag: 7, queued: 9, there: 0, back: 0 }])
})

test('a link to a node that is gone is gone', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a', { links: [link('b')] }), node('b', { state: 'dead' })] }, 1)
  expect(edges(mesh.list())[0]).toMatchObject({ health: 'off', state: 'gone' })
})

test('flow is what was sent between two statuses, each way', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a'), node('b')] }, 1)
  mesh.status(status('a', { links: [link('b', { sent_bytes: 1000 })] }), 10_000)
  mesh.status(status('a', { links: [link('b', { sent_bytes: 5000 })] }), 12_000)
  mesh.status(status('b', { links: [link('a', { sent_bytes: 50 })] }), 12_000)
  mesh.status(status('b', { links: [link('a', { sent_bytes: 20 })] }), 14_000)
  expect(edges(mesh.list())[0]).toMatchObject({ there: 2000, back: 0 })
})

test('the latency of the mesh is the worst that a node tells, and none where none does', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a', { latency: { mesh_p99_ms: 4 } }), node('b', { latency: { mesh_p99_ms: 9 } })] }, 1)
  expect(mesh.total.values('mesh')).toEqual([9])
  expect(mesh.total.values('delivery')).toEqual([NaN])
})

test('what a node remembers stands before what the page saw, by the page\'s clock', () => {
  const mesh = new Mesh()
  const at = (ms: number) => new Date(ms).toISOString()
  mesh.view({ cluster: '', nodes: [node('a', { rates: { in: 7, out: 0 } })] }, 100_500)
  mesh.past([{ at: at(98_000), in: 1, out: 0 }, { at: at(100_000), in: 2, out: 0, mesh_p99_ms: 5 }], 101_000)
  expect(mesh.total.times()).toEqual([98_000, 100_000, 100_500])
  expect(mesh.total.values('in')).toEqual([1, 2, 7])
  expect(mesh.total.values('mesh')).toEqual([NaN, 5, NaN])
  mesh.past([], 101_000)
  mesh.past([{ at: at(500_000), in: 9, out: 0 }], 101_000)
  expect(mesh.total.times()).toEqual([101_000])
})

test('names are shown as text: cut, and with what could not be seen', () => {
  const mesh = new Mesh()
  mesh.view({ cluster: '', nodes: [node('a', { name: 'north\u202E' }), node('b', { name: 'x'.repeat(100) })] }, 1)
  expect(mesh.names().get('a')).toBe('north\\u202E')
  expect(mesh.names().get('b')).toHaveLength(60)
})

test('a state of a component that a later version has is not called well', () => {
  expect([componentHealth('ok'), componentHealth('failed'), componentHealth('melting')]).toEqual(['ok', 'bad', 'busy'])
})
