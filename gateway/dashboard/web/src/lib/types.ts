/** The objects of the API, as it answers them. */

export interface LinkView {
  peer: string
  state: string
  rtt_ms: number
  lag: number
  queued_bytes: number
  /** sent_bytes is what went to the peer since the link is up. */
  sent_bytes?: number
}

/** Latencies of about the last ten seconds, in ms; absent where nothing was delivered. */
export interface LatencyView {
  mesh_p50_ms?: number
  mesh_p99_ms?: number
  delivery_p50_ms?: number
  delivery_p99_ms?: number
}

export interface NodeView {
  id: string
  name: string
  state: string
  since?: string
  seen?: string
  banned?: boolean
  self: boolean
  mesh: string
  http: string
  version: string
  started: string
  labels: Record<string, string>
  sources: number
  subscribers: number
  links: LinkView[]
  journal: { records: number; bytes: number }
  rates: { in: number; out: number }
  latency?: LatencyView
}

export interface ClusterView {
  cluster: string
  nodes: NodeView[]
}

export interface ComponentView {
  name: string
  state: 'ok' | 'degraded' | 'failed' | 'off'
  detail?: string
  figures?: Record<string, number>
}

export interface StatusView {
  node: NodeView
  components: ComponentView[]
  settings?: Record<string, string>
  alarms?: number
}

export interface AlarmView {
  severity: 'warning' | 'critical'
  node: string
  source?: string
  since: string
  reason: string
  hint: string
}

export interface ClockView {
  ok: boolean
  last?: string
}

export interface SourceStatus {
  state: string
  owners?: string[]
  why?: string
  since?: string
  next_at?: string
  transport?: ClockView
  protocol?: ClockView
  data?: ClockView
  records: number
  dropped?: Record<string, number>
  errors: number
  restarts: number
  rate: number
  last_error?: string
  hint?: string
}

/** A spec is shown and sent back as it is; the page reads only what it shows. */
export type Spec = { name?: string; kind?: string; url?: string; labels?: Record<string, string> } & Record<string, unknown>

export interface SourceView {
  name: string
  version: string
  spec: Spec
  status: SourceStatus
}

export interface FrameView {
  received: string
  dir: string
  meta?: Record<string, unknown>
  text?: string
  base64?: string
}

export interface TryView {
  spec: Spec | null
  frames: FrameView[]
  records: RecordView[]
  record_frames?: number[]
  dropped: { reason: string; frame?: unknown }[]
  more?: Record<string, number>
  error?: string
  hints?: string[]
}

export interface RecordView {
  id?: string
  stream: string
  source?: string
  key?: string
  native_id?: string
  time: string
  received: string
  data?: unknown
  /** json is the text of data as it came: see raw.ts. */
  json?: string
  text?: string
  base64?: string
  content_type?: string
}

export interface StreamView {
  name: string
  records: number
  bytes: number
  last: string
  rate: number
}

export interface ActorView {
  name: string
  path: string
  state: string
  restarts: number
  mailbox: number
  last_failure?: string
  since: string
  children?: ActorView[]
}

export interface EventView {
  at: string
  node: string
  source: string
  event: string
  version: string
  spec?: Spec
}

export interface List<T> {
  items: T[]
  next?: string
}

export interface Fault {
  path: string
  message: string
}

export interface SubscriberView {
  id: string
  remote: string
  kind: string
  since: string
  queued_bytes: number
  sent_records: number
  subscriptions: { sub: string; streams: string[]; where?: string; unique?: boolean; policy: string; state: string }[]
}

export interface ArchiveLag {
  records: number
  batches: number
  seconds: number
}

export interface ArchiveView {
  state: 'ok' | 'degraded' | 'failed' | 'off'
  detail: string
  place?: string
  streams?: string
  ttl_seconds?: number
  away_since?: string
  error?: string
  rows: number
  failed: number
  lag: ArchiveLag
  origins: { origin: string; archiver: string; here: boolean; read: boolean; confirmed: number; runs: number; lag: ArchiveLag }[]
}

/** RateView is how fast the whole mesh was at a moment, as a node saw it. */
export interface RateView {
  at: string
  in: number
  out: number
  mesh_p99_ms?: number
  delivery_p99_ms?: number
}
