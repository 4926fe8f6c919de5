import type { Health } from './mesh.ts'
import { brief, until } from './format.ts'
import { silence } from './alarms.ts'
import type { SourceView } from './types.ts'

/** States in the order of how much they ask for attention. */
export const states = ['failed', 'stale', 'backoff', 'pending', 'connecting', 'running', 'paused'] as const

const looks: Record<string, Health> = { running: 'ok', connecting: 'busy', pending: 'busy', stale: 'warn', backoff: 'warn', failed: 'bad', paused: 'off' }

export function look(state: string): Health {
  return looks[state] ?? 'busy'
}

/** attention orders sources: the lower, the more it needs a look. */
export function attention(state: string): number {
  const at = (states as readonly string[]).indexOf(state)
  return at < 0 ? states.length : at
}

/** explain says in words how a source is, for people who don't know the states. */
export function explain(source: SourceView, now: number): string {
  const { state, next_at, last_error, owners, why } = source.status
  switch (state) {
    case 'running':
      return failing(source) ?? 'data is coming'
    case 'stale':
      return silence(source, now) ?? 'no data comes'
    case 'backoff':
      return `waits and tries again ${until(next_at, now)}${last_error ? `: ${brief(last_error, 160)}` : ''}`
    case 'connecting':
      return 'is connecting'
    case 'pending':
      return (owners?.length ?? 0) === 0 && why ? brief(why, 160) : 'waits to be started'
    case 'paused':
      return 'paused by an operator'
    case 'failed':
      return last_error ? brief(last_error, 160) : 'failed'
  }
  return state
}

/** counts says how many sources are in each state, those that ask for attention first. */
export function counts(sources: readonly SourceView[]): { state: string; count: number }[] {
  const found = new Map<string, number>()
  for (const { status } of sources) found.set(status.state, (found.get(status.state) ?? 0) + 1)
  return [...found].map(([state, count]) => ({ state, count })).sort((a, b) => attention(a.state) - attention(b.state))
}

/** failing says that much of what a running source hears can't be made records; undefined where it is not so. */
export function failing({ status }: SourceView): string | undefined {
  const failed = status.dropped?.['failed'] ?? 0
  if (failed === 0 || failed <= status.records) return undefined
  return `runs, but ${Math.floor((failed / (failed + status.records)) * 100)} % of what came could not be made records${status.last_error ? `: ${brief(status.last_error, 160)}` : ''}`
}
