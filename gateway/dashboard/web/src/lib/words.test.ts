import { expect, test } from 'vitest'
import { holds } from './words.ts'

test.each([
  ['Kraken trades', 'trades kraken', true],
  ['Kraken trades', ' KRAK ', true],
  ['Kraken trades', 'kraken books', false],
  ['Kraken trades', '', true],
  ['Kraken trades', '  ', true],
  ['', 'x', false],
])('%j by the filter %j: %j', (text, filter, is) => expect(holds(text, filter)).toBe(is))
