import type { Health } from './mesh.ts'
import type { ClockView, SourceView } from './types.ts'

/** limited tells whether a clock of a source has a limit. */
export function limited(limit: unknown): boolean {
  return limit !== undefined && limit !== null && !/^0*([a-z]+)?$/.test(String(limit))
}

/** Clock is one of the three of a source, with its limit and what it looks like. */
export interface Clock {
  name: 'connection' | 'messages' | 'records'
  last: string | undefined
  limit: unknown
  late: boolean
  health: Health
}

/** clocks are those of bytes, messages and records. */
export function clocks({ spec, status }: SourceView): Clock[] {
  const limits = (spec['liveness'] ?? {}) as Record<string, unknown>
  const idle = ['paused', 'pending', 'failed'].includes(status.state)
  const clock = (name: Clock['name'], of: ClockView | undefined, limit: unknown): Clock => {
    const over = late(of, limit, idle)
    return { name, last: of?.last, limit, late: over, health: idle ? 'off' : over ? 'warn' : of?.last ? 'ok' : 'off' }
  }
  return [clock('connection', status.transport, limits['transport']), clock('messages', status.protocol, limits['protocol']), clock('records', status.data, limits['data'])]
}

/** late tells that a clock went over its limit; one without a limit never does, nor one of a source that rests. */
export function late(clock: ClockView | undefined, limit: unknown, idle: boolean): boolean {
  return !idle && clock?.ok === false && limited(limit)
}
