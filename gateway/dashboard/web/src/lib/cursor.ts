/**
 * A cursor is a list of positions, at most one per origin, and perhaps one `@ms` (see docs/protocol.md). A position is
 * `<origin>-<epoch>-<sequence>-<index>`; the numbers compare as numbers, first the epoch.
 */
export class Cursor {
  readonly #positions = new Map<string, string>()
  #since = ''

  /** merge keeps the highest position of each origin. */
  merge(positions: readonly string[]): void {
    for (const position of positions) this.#take(position)
  }

  /** list is what `{"after":[…]}` takes. */
  list(): string[] {
    const list = [...this.#positions.values()]
    return this.#since === '' ? list : [...list, this.#since]
  }

  #take(position: string): void {
    if (position.startsWith('@')) {
      this.#since = position
      return
    }
    const parts = split(position)
    if (!parts) return
    const held = this.#positions.get(parts.origin)
    if (held === undefined || less(held, position)) this.#positions.set(parts.origin, position)
  }
}

interface Parts {
  origin: string
  numbers: bigint[]
}

function split(position: string): Parts | undefined {
  const [origin, ...rest] = position.split('-')
  if (!origin || rest.length !== 3 || !rest.every((n) => /^\d{1,20}$/.test(n))) return undefined
  return { origin, numbers: rest.map(BigInt) }
}

/** less tells whether a position stands before another of the same origin. */
export function less(a: string, b: string): boolean {
  const left = split(a)?.numbers ?? []
  const right = split(b)?.numbers ?? []
  for (let i = 0; i < 3; i++) {
    const l = left[i] ?? 0n
    const r = right[i] ?? 0n
    if (l !== r) return l < r
  }
  return false
}
