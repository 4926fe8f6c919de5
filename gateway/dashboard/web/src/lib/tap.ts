import type { RecordView } from './types.ts'

/** Line is one record of the tap, with a number of its own. */
export interface Line {
  n: number
  record: RecordView
}

/** Tap holds the newest records of a subscription, at most `most`: older ones go. While it is paused what comes waits, as many. */
export class Tap {
  /** lines are what is shown, newest first. */
  lines: Line[] = []
  paused = false
  /** seen counts all that came. */
  seen = 0
  #waiting: Line[] = []
  #skipped = 0
  #gathering = false

  constructor(readonly most: number) {}

  /** waiting is how many came since the pause; those that would not be shown count too. */
  get waiting(): number {
    return this.#waiting.length + this.#skipped
  }

  push(records: readonly RecordView[]): void {
    for (const record of records) this.#waiting.push({ n: ++this.seen, record })
    const over = this.#waiting.length - this.most
    if (over > 0) {
      this.#waiting.splice(0, over)
      this.#skipped += over
    }
  }

  /** gather begins with history: it comes stream by stream, and waits until begun, to be shown in the order of time. */
  gather(): void {
    this.#gathering = true
  }

  begun(): void {
    if (!this.#gathering) return
    this.#gathering = false
    const first = this.seen - this.#waiting.length + 1
    this.#waiting = this.#waiting.sort((a, b) => Date.parse(a.record.received) - Date.parse(b.record.received)).map(({ record }, i) => ({ n: first + i, record }))
  }

  /** show takes in what waits, unless it is paused; it tells whether anything changed. */
  show(): boolean {
    if (this.paused || this.#gathering || this.#waiting.length === 0) return false
    this.lines = [...this.#waiting.reverse(), ...this.lines].slice(0, this.most)
    this.#waiting = []
    this.#skipped = 0
    return true
  }

  clear(): void {
    this.lines = []
    this.#waiting = []
    this.#skipped = 0
    this.seen = 0
  }
}
