/** Ring is the newest numbers of a series, at most `size`; a slot that has none holds NaN. */
export class Ring {
  readonly #values: Float64Array
  #next = 0
  #held = 0

  constructor(readonly size: number) {
    this.#values = new Float64Array(size)
  }

  get length(): number {
    return this.#held
  }

  push(value: number): void {
    this.#values[this.#next] = value
    this.#next = (this.#next + 1) % this.size
    this.#held = Math.min(this.#held + 1, this.size)
  }

  /** last is the newest; NaN where there is none. */
  last(): number {
    return this.#held === 0 ? NaN : (this.#values[(this.#next + this.size - 1) % this.size] ?? NaN)
  }

  /** list gives the newest `most`, oldest first. */
  list(most = this.size): number[] {
    const n = Math.min(most, this.#held)
    const out = new Array<number>(n)
    for (let i = 0; i < n; i++) out[i] = this.#values[(this.#next - n + i + this.size * 2) % this.size] ?? NaN
    return out
  }
}

/** History is several series over the same moments. */
export class History<Name extends string> {
  readonly #times: Ring
  readonly #series: Map<Name, Ring>

  constructor(size: number, readonly names: readonly Name[]) {
    this.#times = new Ring(size)
    this.#series = new Map(names.map((name) => [name, new Ring(size)]))
  }

  get length(): number {
    return this.#times.length
  }

  /** push adds a moment, in ms; one that is not after the last is left out. */
  push(at: number, values: Partial<Record<Name, number>>): void {
    if (this.length > 0 && at <= this.#times.last()) return
    this.#times.push(at)
    for (const [name, ring] of this.#series) ring.push(values[name] ?? NaN)
  }

  times(most?: number): number[] {
    return this.#times.list(most)
  }

  values(name: Name, most?: number): number[] {
    return this.#series.get(name)?.list(most) ?? []
  }
}

/** path draws a series as the `d` of an SVG path in a box, from 0 to the highest value; gaps stay gaps. */
export function path(values: readonly number[], width: number, height: number, top = Math.max(0, ...values.filter(Number.isFinite))): string {
  if (values.length < 2) return ''
  const step = width / (values.length - 1)
  let d = ''
  let pen = 'M'
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      pen = 'M'
      return
    }
    const y = height - (top > 0 ? (Math.min(value, top) / top) * height : 0)
    d += `${pen}${round(i * step)} ${round(y)}`
    pen = 'L'
  })
  return d
}

function round(n: number): number {
  return Math.round(n * 10) / 10
}
