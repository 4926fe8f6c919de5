import { Ring } from './rates.ts'
import type { ClockView, RecordView, SourceStatus, SourceView } from './types.ts'

/** Counted is the most that was counted of a source; fell is since when less is counted, in this page's ms, 0 where it is not. */
interface Counted {
  version: string
  most: number
  fell: number
}

/**
 * Sources folds the list of sources with the changes of their states, and remembers their rates. The list tells what those
 * nodes know that run a source now: of one that is gone, or is asked and does not answer, clocks and counts are not in it.
 */
export class Sources {
  items: SourceView[] = []
  readonly rates = new Map<string, Ring>()
  readonly #counted = new Map<string, Counted>()

  /** list takes the whole list, as it is at a time in this page's ms. What came once came: no clock goes back. */
  list(items: readonly SourceView[], at: number): void {
    const held = new Map(this.items.map((item) => [item.name, item]))
    this.items = items.map((item) => {
      const before = held.get(item.name)
      return before?.version === item.version ? { ...item, status: { ...item.status, ...clocks(before.status, item.status) } } : item
    })
    for (const item of items) {
      let ring = this.rates.get(item.name)
      if (!ring) this.rates.set(item.name, (ring = new Ring(moments)))
      ring.push(item.status.rate)
      this.#count(item, at)
    }
    if (this.rates.size > items.length) {
      const named = new Set(items.map((item) => item.name))
      for (const name of this.rates.keys()) if (!named.has(name)) this.#forget(name)
    }
  }

  /** change takes a record of $sources.<name>: the state is shown before the next list comes. */
  change(record: RecordView): void {
    const data = record.data as { state?: unknown; since?: unknown } | undefined
    if (!data || typeof data.state !== 'string' || typeof data.since !== 'string' || !record.source) return
    const { state, since } = data
    this.items = this.items.map((item) => {
      // What a source runs on several nodes tells of one of them only.
      if (item.name !== record.source || (item.status.owners?.length ?? 0) > 1 || (item.status.since ?? '') >= since) return item
      return { ...item, status: { ...item.status, state, since } }
    })
  }

  /** fell is since when less is counted of a source than before, in this page's ms; undefined where it is not so. */
  fell(name: string): number | undefined {
    return this.#counted.get(name)?.fell || undefined
  }

  #count({ name, version, status }: SourceView, at: number): void {
    const before = this.#counted.get(name)
    if (before?.version !== version || status.records >= before.most) this.#counted.set(name, { version, most: status.records, fell: 0 })
    else before.fell ||= at
  }

  #forget(name: string): void {
    this.rates.delete(name)
    this.#counted.delete(name)
  }
}

/** Two minutes at the pace of the list. */
const moments = 60

function clocks(before: SourceStatus, now: SourceStatus): Pick<SourceStatus, 'transport' | 'protocol' | 'data'> {
  const of = (name: 'transport' | 'protocol' | 'data') => {
    const clock = latest(before[name], now[name])
    return clock ? { [name]: clock } : {}
  }
  return { ...of('transport'), ...of('protocol'), ...of('data') }
}

/** latest is how a clock is now, with the last time that it went by either. */
function latest(before: ClockView | undefined, now: ClockView | undefined): ClockView | undefined {
  if (!before?.last || (now?.last && Date.parse(now.last) >= Date.parse(before.last))) return now
  return { ok: now?.ok ?? false, last: before.last }
}
