import type { ClockView } from './types.ts'

/** limited tells whether a clock of a source has a limit. */
export function limited(limit: unknown): boolean {
  return limit !== undefined && limit !== null && !/^0*([a-z]+)?$/.test(String(limit))
}

/** late tells that a clock went over its limit; one without a limit never does, nor one of a source that rests. */
export function late(clock: ClockView | undefined, limit: unknown, idle: boolean): boolean {
  return !idle && clock?.ok === false && limited(limit)
}
