import { expect, test } from 'vitest'
import { flatten, total } from './actortree.ts'
import type { ActorView } from './types.ts'

const actor = (path: string, restarts = 0, children: ActorView[] = []): ActorView => ({ name: path.split('/').at(-1) || 'node', path, state: 'running', restarts, mailbox: 2, since: '', children })
const tree = actor('', 0, [actor('/hub'), actor('/sources', 1, [actor('/sources/a', 3), actor('/sources/b')]), actor('/status')])
const paths = (rows: { actor: ActorView }[]) => rows.map((r) => r.actor.path)

test('parents come before their children', () => {
  const rows = flatten(tree, new Set())
  expect(paths(rows)).toEqual(['', '/hub', '/sources', '/sources/a', '/sources/b', '/status'])
  expect(rows.map((r) => r.depth)).toEqual([0, 1, 1, 2, 2, 1])
  expect(rows.map((r) => r.below)).toEqual([4, 0, 3, 0, 0, 0])
})

test('who is closed hides its children, and still counts their restarts', () => {
  const rows = flatten(tree, new Set(['/sources']))
  expect(paths(rows)).toEqual(['', '/hub', '/sources', '/status'])
  expect(rows[2]).toMatchObject({ open: false, children: 2, below: 3 })
})

test('words show what has them, and what leads there, also below what is closed', () => {
  expect(paths(flatten(tree, new Set(['/sources']), 'sources/B'))).toEqual(['', '/sources', '/sources/b'])
  expect(paths(flatten(tree, new Set(), 'nothing'))).toEqual([])
})

test('all are counted', () => {
  expect(total(tree)).toEqual({ actors: 6, restarts: 4, waiting: 12, restarting: 0 })
})
