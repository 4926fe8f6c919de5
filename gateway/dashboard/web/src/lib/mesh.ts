import { brief } from './format.ts'
import { History } from './rates.ts'
import type { ClusterView, ComponentView, LinkView, NodeView, RateView, StatusView } from './types.ts'

/**
 * Mesh folds what nodes say of themselves ($status) and what one node knows of the others (/cluster) into one picture.
 * $status is newer and of the node itself; whether a node is alive only another one can tell.
 */
export interface NodeState {
  view: NodeView
  components: ComponentView[]
  alarms: number
  /** heard is when its last status came, in this page's ms; 0 is never. */
  heard: number
  history: History<'in' | 'out'>
  /** flows are bytes a second to each peer, of the last two statuses. */
  flows: Record<string, number>
}

/** What a node looks like from here. */
export type Health = 'ok' | 'busy' | 'warn' | 'bad' | 'off'

/** A half hour at the pace of $status. */
const moments = 900
/** A node tells its status every 2 s; after this it is said to be silent. */
export const quietAfter = 8000
/** Names of nodes are shown up to so many letters. */
const longestName = 60

export class Mesh {
  cluster = ''
  /** asked is the id of the node that the page asks. */
  asked = ''
  readonly nodes = new Map<string, NodeState>()
  /** total is the whole mesh: records that came in, and went out to subscribers. */
  total = totals()

  /** status takes a record of $status.<node>. */
  status(status: StatusView, at: number): void {
    const held = this.nodes.get(status.node.id)
    // Whether it is alive is for others to say; that it drains it says itself.
    const view = { ...held?.view, ...status.node, self: status.node.id === this.asked }
    if (held && status.node.state === 'alive') view.state = held.view.state
    const node: NodeState = held ?? { view, components: [], alarms: 0, heard: 0, history: new History(moments, ['in', 'out']), flows: {} }
    this.nodes.set(view.id, { ...node, view, components: status.components, alarms: status.alarms ?? 0, heard: at, flows: flows(held, view.links, at) })
    node.history.push(at, { in: view.rates.in, out: view.rates.out })
  }

  /** view takes the answer of /cluster; nodes that it does not know any more are forgotten. */
  view(cluster: ClusterView, at: number): void {
    this.cluster = cluster.cluster
    const named = new Set<string>()
    for (const node of cluster.nodes) {
      named.add(node.id)
      if (node.self) this.asked = node.id
      const held = this.nodes.get(node.id)
      if (!held) {
        this.nodes.set(node.id, { view: node, components: [], alarms: 0, heard: 0, history: new History(moments, ['in', 'out']), flows: {} })
        continue
      }
      // What $status said within the last seconds is newer than what another node retells.
      const fresh = at - held.heard < quietAfter
      const view = fresh ? { ...node, ...live(held.view) } : node
      this.nodes.set(node.id, { ...held, view })
    }
    for (const id of this.nodes.keys()) if (!named.has(id)) this.nodes.delete(id)
    for (const [id, held] of this.nodes) if (held.view.self !== (id === this.asked)) this.nodes.set(id, { ...held, view: { ...held.view, self: id === this.asked } })
    const running = taking([...this.nodes.values()])
    this.total.push(at, {
      in: sum(running, (n) => n.view.rates.in),
      out: sum(running, (n) => n.view.rates.out),
      mesh: worst(running, (n) => n.view.latency?.mesh_p99_ms),
      delivery: worst(running, (n) => n.view.latency?.delivery_p99_ms),
    })
  }

  /**
   * past puts what a node remembers before what the page saw itself. Its clock may be another: the newest of it is taken
   * for now.
   */
  past(items: readonly RateView[], now: number): void {
    const newest = Date.parse(items[items.length - 1]?.at ?? '')
    if (Number.isNaN(newest)) return
    const off = Math.abs(now - newest) > 5000 ? now - newest : 0
    const total = totals()
    for (const i of items) total.push(Date.parse(i.at) + off, { in: i.in, out: i.out, mesh: i.mesh_p99_ms ?? NaN, delivery: i.delivery_p99_ms ?? NaN })
    const seen = this.total
    const [ins, outs, mesh, delivery] = [seen.values('in'), seen.values('out'), seen.values('mesh'), seen.values('delivery')]
    seen.times().forEach((at, i) => total.push(at, { in: ins[i] ?? NaN, out: outs[i] ?? NaN, mesh: mesh[i] ?? NaN, delivery: delivery[i] ?? NaN }))
    this.total = total
  }

  /** list is the nodes in the order of their names. */
  list(): NodeState[] {
    return [...this.nodes.values()].sort((a, b) => a.view.name.localeCompare(b.view.name) || a.view.id.localeCompare(b.view.id))
  }

  /** names are what nodes are called, as it may be shown, by id. */
  names(): Map<string, string> {
    return new Map([...this.nodes].map(([id, node]) => [id, brief(node.view.name, longestName)]))
  }

  /** addresses are where other nodes answer, those that live first. */
  addresses(): string[] {
    const rank = (n: NodeState) => (n.view.state === 'alive' ? 0 : n.view.state === 'draining' ? 1 : 2)
    return this.list()
      .filter((n) => n.view.http && n.view.state !== 'left')
      .sort((a, b) => rank(a) - rank(b))
      .map((n) => n.view.http)
  }
}

function totals(): History<'in' | 'out' | 'mesh' | 'delivery'> {
  return new History(moments, ['in', 'out', 'mesh', 'delivery'])
}

function live(view: NodeView): Partial<NodeView> {
  const { sources, subscribers, links, journal, rates, latency } = view
  return { sources, subscribers, links, journal, rates, ...(latency ? { latency } : {}) }
}

/** flows are taken from what was sent between two statuses; a link that began anew counts from there. */
function flows(before: NodeState | undefined, links: readonly LinkView[], at: number): Record<string, number> {
  const seconds = before ? (at - before.heard) / 1000 : 0
  if (!before || before.heard === 0 || seconds < 0.5) return before?.flows ?? {}
  const out: Record<string, number> = {}
  for (const link of links) {
    const was = before.view.links.find((l) => l.peer === link.peer)?.sent_bytes
    if (link.sent_bytes !== undefined && was !== undefined && link.sent_bytes >= was) out[link.peer] = (link.sent_bytes - was) / seconds
  }
  return out
}

/** worst is the highest of what nodes tell; NaN where none tells. */
export function worst<T>(list: readonly T[], of: (item: T) => number | undefined): number {
  const known = list.map(of).filter((n): n is number => n !== undefined)
  return known.length > 0 ? Math.max(...known) : NaN
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0)
}

/** taking are the nodes that take part in the mesh. */
export function taking(nodes: readonly NodeState[]): NodeState[] {
  return nodes.filter((n) => present(n.view.state))
}

/** present tells whether a node in this state takes part in the mesh. */
export function present(state: string): boolean {
  return state === 'alive' || state === 'draining' || state === 'suspect'
}

const components: Record<string, Health> = { ok: 'ok', degraded: 'warn', failed: 'bad', off: 'off' }

/** componentHealth is what the state of a part of a node looks like. */
export function componentHealth(state: string): Health {
  return components[state] ?? 'busy'
}

/** health tells how a node is, and in words why. */
export function health(node: NodeState, now: number): { health: Health; text: string } {
  const { state, banned } = node.view
  if (banned) return { health: 'bad', text: 'shut out' }
  if (state === 'dead') return { health: 'bad', text: 'dead' }
  if (state === 'left') return { health: 'off', text: 'left' }
  if (state === 'suspect') return { health: 'warn', text: 'does not answer' }
  if (state === 'draining') return { health: 'busy', text: 'draining' }
  // Of sources that are not well their alarms tell, and so does the table of sources: the node itself is well.
  const parts = node.components.filter((c) => c.name !== 'sources' || c.state === 'failed')
  const failed = parts.find((c) => c.state === 'failed')
  if (failed) return { health: 'bad', text: `${failed.name} failed` }
  const degraded = parts.find((c) => c.state === 'degraded')
  if (degraded) return { health: 'warn', text: `${degraded.name} degraded` }
  if (node.heard > 0 && now - node.heard > quietAfter) return { health: 'warn', text: 'tells no status' }
  return { health: 'ok', text: state === 'alive' ? 'alive' : state }
}

/** Edge is a link of two nodes, as both ends tell it. */
export interface Edge {
  from: string
  to: string
  health: Health
  state: string
  rtt: number
  lag: number
  queued: number
  /** there and back are bytes a second from `from` to `to`, and the other way. */
  there: number
  back: number
}

const rank: Record<Health, number> = { ok: 0, busy: 1, warn: 2, bad: 3, off: 4 }

/** edges joins what both ends tell of their link: of two answers the worse counts. */
export function edges(nodes: readonly NodeState[]): Edge[] {
  const known = new Map(nodes.map((n) => [n.view.id, n]))
  const found = new Map<string, Edge>()
  for (const node of nodes) {
    for (const link of node.view.links ?? []) {
      const peer = known.get(link.peer)
      if (!peer || link.peer === node.view.id) continue
      const [from, to] = node.view.id < link.peer ? [node.view.id, link.peer] : [link.peer, node.view.id]
      const gone = !present(node.view.state) || !present(peer.view.state)
      const edge: Edge = { from, to, health: gone ? 'off' : linkHealth(link), state: gone ? 'gone' : link.state, rtt: link.rtt_ms, lag: link.lag, queued: link.queued_bytes, there: 0, back: 0 }
      if (!gone) edge[from === node.view.id ? 'there' : 'back'] = node.flows[link.peer] ?? 0
      const held = found.get(from + to)
      found.set(from + to, held ? worse(held, edge) : edge)
    }
  }
  return [...found.values()]
}

function worse(a: Edge, b: Edge): Edge {
  const [first, second] = rank[b.health] > rank[a.health] ? [b, a] : [a, b]
  return { ...first, rtt: Math.max(first.rtt, second.rtt), lag: Math.max(first.lag, second.lag), queued: Math.max(first.queued, second.queued), there: Math.max(a.there, b.there), back: Math.max(a.back, b.back) }
}

function linkHealth(link: LinkView): Health {
  if (link.state === 'up') return 'ok'
  if (link.state === 'slow') return 'warn'
  return link.state === 'silent' ? 'bad' : 'busy'
}
