import { attention } from './sourcestate.ts'
import type { SourceView } from './types.ts'
import { holds } from './words.ts'

/** Which sources are listed, and how. */
export interface Choice {
  text: string
  states: ReadonlySet<string>
  sort: string
  descending: boolean
}

/** choose filters by words, all of which must be found in what a source is, and by state; and sorts. */
export function choose(sources: readonly SourceView[], choice: Choice, owner: (id: string) => string): SourceView[] {
  const found = sources.filter((source) => {
    if (choice.states.size > 0 && !choice.states.has(source.status.state)) return false
    if (choice.text.trim() === '') return true
    const { spec, status } = source
    const labels = Object.entries(spec.labels ?? {}).map(([k, v]) => `${k}=${v}`)
    const text = [source.name, spec.kind, spec.url, status.state, status.last_error, ...labels, ...(status.owners ?? []).map(owner)].join(' ')
    return holds(text, choice.text)
  })
  const by = orders[choice.sort]
  if (by) found.sort((a, b) => (choice.descending ? -1 : 1) * by(a, b, owner) || a.name.localeCompare(b.name))
  return found
}

type Order = (a: SourceView, b: SourceView, owner: (id: string) => string) => number

const orders: Record<string, Order> = {
  name: (a, b) => a.name.localeCompare(b.name),
  state: (a, b) => attention(a.status.state) - attention(b.status.state),
  rate: (a, b) => a.status.rate - b.status.rate,
  records: (a, b) => a.status.records - b.status.records,
  restarts: (a, b) => a.status.restarts - b.status.restarts,
  owner: (a, b, owner) => owner(a.status.owners?.[0] ?? '').localeCompare(owner(b.status.owners?.[0] ?? '')),
}
