import { Cursor } from './cursor.ts'
import { root } from './format.ts'
import { parse } from './raw.ts'
import type { RecordView } from './types.ts'

/**
 * Connection is the page's one WebSocket to the mesh. It holds subscriptions, opens them again after each loss, from
 * where they were, and goes to another node when its own is gone. It reads no clock and opens no socket itself: both
 * come from its environment, so that tests are exact.
 */

/** Socket is what is used of a WebSocket. */
export interface Socket {
  send(text: string): void
  close(): void
  onopen: ((event: never) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
}

export interface Environment {
  open(url: string, protocols: string[]): Socket
  now(): number
  after(ms: number, run: () => void): () => void
  random(): number
}

/** State is what the page tells of the connection. */
export interface State {
  phase: 'connecting' | 'open' | 'lost' | 'refused'
  /** base is the address of the node that is connected, or tried now. */
  base: string
  /** since is when the phase began: while tries go on, when the connection was lost. */
  since: number
  /** tries failed since the connection was lost. */
  tries: number
  reason: string
}

export type Start = 'latest' | 'earliest' | { after: string[] } | { time: string } | { last: number }
export type Policy = 'catchup' | 'drop' | 'disconnect' | { conflate: string } | { sample: string }

export interface Request {
  streams: string[]
  start?: Start
  where?: string
  policy?: Policy
  unique?: boolean
}

export interface Gap {
  origin: string
  from: string
  to: string
  reason: string
}

export interface Handler {
  records(records: RecordView[], stream: string): void
  live?(): void
  gap?(gap: Gap): void
  /** error: the subscription was refused, as for a filter that can't be read. It is over. */
  error?(code: string, message: string): void
}

interface Held {
  id: string
  request: Request
  handler: Handler
  cursor: Cursor
  /** caughtUp: it was live, so the cursor stands for all that its start meant. */
  caughtUp: boolean
}

interface Message {
  op: string
  sub?: string
  stream?: string
  pos?: string
  records?: RecordView[]
  after?: string[]
  nodes?: string[]
  origin?: string
  from?: string
  to?: string
  reason?: string
  code?: string
  message?: string
}

/** The times, in ms. A node tells a cursor every 15 s at the latest; one that answers a ping lives too. */
const openWithin = 5000
const lookEvery = 5000
const pingAfter = 10_000
const lostAfter = 20_000
const firstPause = 300
const longestPause = 10_000

/** Close codes that no other try will change. */
const finalCodes = new Set([1008, 4401])
/** Close codes of a node that goes, or has no room. */
const leavingCodes = new Set([4503, 4429])

export class Connection {
  #token = ''
  #socket: Socket | undefined
  #timers: (() => void)[] = []
  #subs = new Map<string, Held>()
  #ids = 0
  #nodes: string[] = []
  #state: State
  #heard = 0
  #running = false

  /** home is the address that the page came from, without a slash at its end. */
  constructor(
    private readonly env: Environment,
    readonly home: string,
    private readonly report: (state: State) => void,
  ) {
    this.#state = { phase: 'connecting', base: home, since: env.now(), tries: 0, reason: '' }
  }

  get state(): State {
    return this.#state
  }

  /** start connects; token is sent as a subprotocol, never in an address. */
  start(token = ''): void {
    this.stop()
    this.#token = token
    this.#running = true
    this.#show({ phase: 'connecting', since: this.env.now(), tries: 0, reason: '' })
    this.#connect()
  }

  stop(): void {
    this.#running = false
    this.#drop()
  }

  /** know says at which addresses nodes of the mesh are now, best first. */
  know(nodes: readonly string[]): void {
    this.#nodes = nodes.map(root).filter((n) => /^https?:\/\//.test(n))
  }

  /** use goes to a node at once. */
  use(base: string): void {
    if (base === this.#state.base && this.#state.phase === 'open') return
    this.#drop()
    this.#show({ phase: 'connecting', base, since: this.env.now(), tries: 0, reason: '' })
    this.#connect()
  }

  /** subscribe begins a subscription that lives over reconnects; what it gives ends it. */
  subscribe(request: Request, handler: Handler): () => void {
    const id = String(++this.#ids)
    const held: Held = { id, request, handler, cursor: new Cursor(), caughtUp: false }
    this.#subs.set(id, held)
    if (this.#state.phase === 'open') this.#open(held)
    return () => {
      if (this.#subs.delete(id) && this.#state.phase === 'open') this.#send({ op: 'unsubscribe', sub: id })
    }
  }

  #connect(): void {
    let socket: Socket
    try {
      const protocols = ['anode.v1.json', ...(this.#token ? [`anode.bearer.${this.#token}`] : [])]
      socket = this.env.open(`${this.#state.base.replace(/^http/, 'ws')}/api/v1/subscribe`, protocols)
    } catch (error) {
      this.#again(error instanceof Error ? error.message : String(error), false)
      return
    }
    this.#socket = socket
    const mine = () => this.#socket === socket
    const late = this.env.after(openWithin, () => mine() && this.#lose('no answer', true))
    this.#timers.push(late)
    socket.onopen = () => {
      if (!mine()) return
      late()
      this.#heard = this.env.now()
      this.#show({ phase: 'open', since: this.env.now(), tries: 0, reason: '' })
      for (const held of this.#subs.values()) this.#open(held)
      this.#watch()
    }
    socket.onmessage = (event) => {
      if (!mine()) return
      this.#heard = this.env.now()
      this.#hear(event.data)
    }
    socket.onclose = (event) => {
      if (!mine()) return
      if (finalCodes.has(event.code)) {
        this.#drop()
        this.#show({ phase: 'refused', since: this.env.now(), reason: event.reason || 'the node refuses this connection' })
        return
      }
      this.#lose(event.reason || 'the connection was cut', leavingCodes.has(event.code) || this.#state.phase !== 'open')
    }
  }

  /** watch finds a connection that is dead but not closed. */
  #watch(): void {
    this.#timers.push(
      this.env.after(lookEvery, () => {
        const quiet = this.env.now() - this.#heard
        if (quiet >= lostAfter) return this.#lose('nothing came any more', true)
        if (quiet >= pingAfter) this.#send({ op: 'ping', id: 'p' })
        this.#watch()
      }),
    )
  }

  #lose(reason: string, elsewhere: boolean): void {
    this.#drop()
    this.#again(reason, elsewhere)
  }

  #again(reason: string, elsewhere: boolean): void {
    if (!this.#running) return
    const was = this.#state
    const tries = was.phase === 'open' ? 0 : was.tries + 1
    const around = Math.max(1, this.#addresses().length)
    // Each round over all nodes waits longer than the one before; going on to the next node does not wait long.
    const pause = Math.min(firstPause * 2 ** Math.floor(tries / around), longestPause)
    this.#show({
      phase: 'lost',
      base: elsewhere ? this.#next(was.base) : was.base,
      since: was.phase === 'open' || tries === 1 ? this.env.now() : was.since,
      tries,
      reason,
    })
    this.#timers.push(this.env.after(pause * (0.5 + this.env.random()), () => this.#connect()))
  }

  #addresses(): string[] {
    return [...new Set([this.home, ...this.#nodes])]
  }

  #next(base: string): string {
    const all = this.#addresses()
    return all[(all.indexOf(base) + 1) % all.length] ?? this.home
  }

  #drop(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers = []
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
  }

  #open(held: Held): void {
    const { streams, where, policy, unique } = held.request
    const list = held.cursor.list()
    const resumed = list.length > 0 && (held.caughtUp || typeof held.request.start !== 'object' || !('last' in held.request.start))
    this.#send({
      op: 'subscribe',
      sub: held.id,
      streams,
      start: resumed ? { after: list } : (held.request.start ?? 'latest'),
      ...(where ? { where } : {}),
      ...(policy ? { policy } : {}),
      ...(unique ? { unique } : {}),
    })
  }

  #send(message: object): void {
    this.#socket?.send(JSON.stringify(message))
  }

  #hear(data: unknown): void {
    if (typeof data !== 'string') return
    let message: Message
    try {
      message = parse<Message>(data)
    } catch {
      return // what a later version says in another form is left out
    }
    if (message.op === 'subscribed' && message.nodes && this.#nodes.length === 0) this.know(message.nodes)
    const held = message.sub === undefined ? undefined : this.#subs.get(message.sub)
    if (!held) return
    switch (message.op) {
      case 'subscribed':
      case 'cursor':
        held.cursor.merge(message.after ?? [])
        break
      case 'records':
        if (message.pos) held.cursor.merge([message.pos])
        held.handler.records(message.records ?? [], message.stream ?? '')
        break
      case 'live':
        held.caughtUp = true
        held.handler.live?.()
        break
      case 'gap':
        if (message.to) held.cursor.merge([message.to])
        held.handler.gap?.({ origin: message.origin ?? '', from: message.from ?? '', to: message.to ?? '', reason: message.reason ?? '' })
        break
      case 'error':
        this.#subs.delete(held.id)
        held.handler.error?.(message.code ?? '', message.message ?? '')
    }
  }

  #show(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
    this.report(this.#state)
  }
}

/** browser is the environment of a page. */
export function browser(): Environment {
  return {
    open: (url, protocols) => new WebSocket(url, protocols) as unknown as Socket,
    now: () => Date.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    random: () => Math.random(),
  }
}
