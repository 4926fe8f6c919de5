import { Api, Problem } from './api.ts'
import { split } from './alarms.ts'
import { browser, Connection, type State } from './connection.ts'
import { root } from './format.ts'
import { Mesh, type NodeState } from './mesh.ts'
import { newest } from './record.ts'
import { Sources } from './sources.ts'
import type { AlarmView, ClusterView, List, RateView, RecordView, SourceView, StatusView } from './types.ts'

/** How often the page asks for what is not told by itself, in ms. */
const clusterEvery = 2000
const sourcesEvery = 2000
/** From this many sources on, the list is asked for less often while no page shows it. */
const many = 200
const rarely = 10_000
/** What changed is shown at most this often; of a large mesh less often, as there is always something that changed. */
const showEvery = 200
const showLargeEvery = 1000
const large = 20
const tokenKey = 'anode.token'
/** How many errors of sources, and changes of their states, are kept. */
const kept = 300

/** The address that the page came from, without a slash at its end. */
const home = root(new URL('.', document.baseURI).href)

/** Live is what the page knows of the mesh now: whatever a page shows of it comes from here. */
export class Live {
  readonly mesh = new Mesh()
  readonly known = new Sources()

  connection = $state.raw<State>({ phase: 'connecting', base: home, since: Date.now(), tries: 0, reason: '' })
  /** at is the address of the node that is connected, or was last. */
  at = $state(home)
  /** now is this page's clock, once a second. */
  now = $state(Date.now())
  /** moment counts what was shown: whoever reads from `mesh` reads it too; listed is the same of lists of sources and `known`. */
  moment = $state(0)
  listed = $state(0)
  nodes = $state.raw<NodeState[]>([])
  /** cluster is what the mesh is called; names are what its nodes are called, by id. */
  cluster = $state('')
  names = $state.raw<ReadonlyMap<string, string>>(new Map())
  sources = $state.raw<SourceView[]>([])
  sourcesLoaded = $state(false)
  /** alarms ask for somebody; notes are about single nodes of what is well as a whole. */
  alarms = $state.raw<AlarmView[]>([])
  notes = $state.raw<AlarmView[]>([])
  alarmsLoaded = $state(false)
  /** errors are records of $errors.>, newest first; changes are those of $sources.>. */
  errors = $state.raw<RecordView[]>([])
  changes = $state.raw<RecordView[]>([])
  /** denied: the mesh asks for a token, or refuses the one that is held. */
  denied = $state(false)
  /** asked counts how often somebody wanted to give a token. */
  asked = $state(0)
  /** watching counts pages that show sources. */
  watching = 0

  readonly link = new Connection(browser(), home, (state) => this.#connected(state))
  readonly api = new Api(() => this.connection.base)
  readonly home = home
  #dirty = new Set<'mesh' | 'sources' | 'alarms'>()
  #showing = false
  #alarms: AlarmView[] = []
  #polls = new Map<string, () => void>()

  start(): void {
    const token = stored()
    this.api.token = token
    this.link.subscribe(
      { streams: ['$status.>'] },
      {
        records: (records) => {
          for (const record of records) if (isStatus(record.data)) this.mesh.status(record.data, Date.now())
          this.#changed('mesh')
        },
      },
    )
    this.link.subscribe({ streams: ['$sources.>'], start: { last: 5 } }, { records: (records) => this.#sourceChanged(records) })
    this.link.subscribe({ streams: ['$errors.>'], start: { last: 5 } }, { records: (records) => (this.errors = newest(records, this.errors, kept)) })
    this.link.start(token)
    setInterval(() => (this.now = Date.now()), 1000)
    this.#poll('cluster', () => clusterEvery, async () => {
      this.mesh.view(await this.api.get<ClusterView>('/cluster', { within: 5000 }), Date.now())
      this.link.know(this.mesh.addresses())
    })
    this.#poll('alarms', () => clusterEvery, async () => {
      this.#alarms = (await this.api.get<AlarmView[] | null>('/alarms', { within: 5000 })) ?? []
      this.alarmsLoaded = true
    })
    this.#poll('sources', () => (this.watching > 0 || this.sources.length < many ? sourcesEvery : rarely), async () => {
      this.known.list(await this.api.all<SourceView>('/sources'), Date.now())
      this.sourcesLoaded = true
    })
    document.addEventListener('visibilitychange', () => document.hidden || this.refresh())
  }

  /** watch says that a page shows sources, until what it gives is called. */
  watch(): () => void {
    this.watching++
    this.refresh('sources')
    return () => this.watching--
  }

  /** refresh asks at once: for one thing, or all. */
  refresh(name?: 'cluster' | 'alarms' | 'sources'): void {
    for (const [poll, run] of this.#polls) if (!name || name === poll) run()
  }

  /** authorize tries again with a token; it is kept for this tab. */
  authorize(token: string): void {
    try {
      sessionStorage.setItem(tokenKey, token)
    } catch {
      // A browser that keeps nothing asks again after a reload.
    }
    this.api.token = token
    this.denied = false
    this.link.start(token)
    this.refresh()
  }

  /** name is what a node is called, as it may be shown; of one that is not known, the beginning of its id. */
  name(id: string): string {
    return this.names.get(id) ?? id.slice(0, 8)
  }

  #connected(state: State): void {
    const before = this.connection
    this.connection = state
    if (state.phase === 'refused') this.denied = true
    if (state.phase === 'open') this.at = state.base
    if (state.phase === 'open' && (before.phase !== 'open' || before.base !== state.base)) {
      this.refresh()
      void this.#remember()
    }
  }

  /** remember asks the node how fast the mesh was before the page came. */
  async #remember(): Promise<void> {
    try {
      this.mesh.past((await this.api.get<List<RateView>>('/cluster/rates', { within: 5000 })).items, Date.now())
      this.#changed('mesh')
    } catch {
      // Then the charts begin now.
    }
  }

  #sourceChanged(records: RecordView[]): void {
    this.changes = newest(records, this.changes, kept)
    for (const record of records) this.known.change(record)
    this.#changed('sources')
  }

  /** changed shows what came, a little later and together. */
  #changed(what: 'mesh' | 'sources' | 'alarms'): void {
    this.#dirty.add(what)
    if (this.#showing) return
    this.#showing = true
    setTimeout(() => this.#show(), this.mesh.nodes.size > large ? showLargeEvery : showEvery)
  }

  #show(): void {
    const changed = new Set(this.#dirty)
    this.#dirty.clear()
    this.#showing = false
    if (changed.has('mesh')) {
      this.nodes = this.mesh.list()
      this.cluster = this.mesh.cluster
      const names = this.mesh.names()
      // What shows names is drawn anew only where one is another.
      if (!same([...names], [...this.names])) this.names = names
      this.moment++
    }
    if (changed.has('sources')) {
      this.sources = this.known.items
      this.listed++
    }
    if (!changed.has('sources') && !changed.has('alarms')) return
    const parted = split(this.#alarms, this.sources)
    if (!same(parted.alarms, this.alarms)) this.alarms = parted.alarms
    if (!same(parted.notes, this.notes)) this.notes = parted.notes
  }

  #poll(name: 'cluster' | 'alarms' | 'sources', every: () => number, run: () => Promise<void>): void {
    let timer: ReturnType<typeof setTimeout> | undefined
    let running = false
    const go = async () => {
      if (running) return
      clearTimeout(timer)
      if (!document.hidden && !this.denied && this.connection.phase !== 'lost') {
        running = true
        try {
          await run()
          this.#changed(name === 'cluster' ? 'mesh' : name === 'alarms' ? 'alarms' : 'sources')
        } catch (error) {
          // What is shown stays. That a node does not answer the connection tells, and finds another one.
          if (error instanceof Problem && error.status === 401) this.denied = true
        }
        running = false
      }
      timer = setTimeout(() => void go(), every())
    }
    this.#polls.set(name, () => void go())
    void go()
  }
}

function isStatus(data: unknown): data is StatusView {
  return typeof data === 'object' && data !== null && 'node' in data && typeof data.node === 'object' && data.node !== null
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function stored(): string {
  try {
    return sessionStorage.getItem(tokenKey) ?? ''
  } catch {
    return ''
  }
}

export const live = new Live()
