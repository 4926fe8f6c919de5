import { Ring } from './rates.ts'
import type { RecordView, SourceView } from './types.ts'

/** Sources folds the list of sources with the changes of their states, and remembers their rates. */
export class Sources {
  items: SourceView[] = []
  readonly rates = new Map<string, Ring>()

  /** list takes the whole list, as it is now. */
  list(items: SourceView[], _at: number): void {
    this.items = items
    for (const item of items) {
      let ring = this.rates.get(item.name)
      if (!ring) this.rates.set(item.name, (ring = new Ring(moments)))
      ring.push(item.status.rate)
    }
    if (this.rates.size > items.length) {
      const named = new Set(items.map((item) => item.name))
      for (const name of this.rates.keys()) if (!named.has(name)) this.rates.delete(name)
    }
  }

  /** change takes a record of $sources.<name>: the state is shown before the next list comes. */
  change(record: RecordView): void {
    const data = record.data as { state?: unknown; since?: unknown; next_at?: unknown; restarts?: unknown } | undefined
    if (!data || typeof data.state !== 'string' || typeof data.since !== 'string' || !record.source) return
    const { state, since } = data
    this.items = this.items.map((item) => {
      // What a source runs on several nodes tells of one of them only.
      if (item.name !== record.source || (item.status.owners?.length ?? 0) > 1 || (item.status.since ?? '') >= since) return item
      return { ...item, status: { ...item.status, state, since } }
    })
  }
}

/** Two minutes at the pace of the list. */
const moments = 60
