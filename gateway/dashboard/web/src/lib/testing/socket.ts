import type { Socket } from '../connection.ts'

/** FakeSocket is a WebSocket of which a test says what comes, and sees what was sent. */
export class FakeSocket implements Socket {
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  sent: Record<string, unknown>[] = []
  closed = false

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close() {
    this.closed = true
  }

  opens() {
    this.onopen?.(undefined as never)
  }
  says(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
  cut(code = 1006, reason = '') {
    this.onclose?.({ code, reason })
  }
}
