import { expect, test } from 'vitest'
import { late } from './liveness.ts'

test.each([
  [{ ok: false }, '30s', false, true],
  [{ ok: false }, undefined, false, false],
  [{ ok: false }, '0', false, false],
  [{ ok: false }, '0s', false, false],
  [{ ok: false }, '30s', true, false],
  [{ ok: true }, '30s', false, false],
  [undefined, '30s', false, false],
] as const)('%j with the limit %j, idle %j: late is %j', (clock, limit, idle, is) => expect(late(clock, limit, idle)).toBe(is))
