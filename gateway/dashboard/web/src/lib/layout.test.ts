import { expect, test } from 'vitest'
import { ring, thickness } from './layout.ts'

test.each([1, 2, 3, 7, 100])('%d nodes stand inside, apart from each other', (n) => {
  const places = ring(n, 700, 400, { x: 90, y: 60 })
  expect(places).toHaveLength(n)
  for (const p of places) {
    expect(p.x).toBeGreaterThanOrEqual(89)
    expect(p.x).toBeLessThanOrEqual(611)
    expect(p.y).toBeGreaterThanOrEqual(59)
    expect(p.y).toBeLessThanOrEqual(341)
  }
  expect(new Set(places.map((p) => `${p.x.toFixed(1)} ${p.y.toFixed(1)}`)).size).toBe(n)
})

test('no box is too small', () => {
  for (const p of ring(5, 0, 0, { x: 90, y: 60 })) expect(Number.isFinite(p.x + p.y)).toBe(true)
})

test('more flow is a thicker line, within bounds', () => {
  expect(thickness(0)).toBe(1.2)
  expect(thickness(10_000)).toBeGreaterThan(thickness(1000))
  expect(thickness(1e12)).toBeLessThanOrEqual(6.2)
})
