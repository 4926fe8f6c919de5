import type { ActorView } from './types.ts'

/** Row is one actor of the tree, as it is listed. */
export interface Row {
  actor: ActorView
  depth: number
  children: number
  open: boolean
  /** below are the restarts of all actors below it. */
  below: number
}

/** flatten lists the tree: children of those that are closed are left out, and with words only what has them and what leads there. */
export function flatten(root: ActorView, closed: ReadonlySet<string>, words = '', called: (actor: ActorView) => string = (a) => a.name): Row[] {
  const rows: Row[] = []
  const wanted = words.toLowerCase().trim()
  const found = (actor: ActorView) => `${called(actor)} ${actor.path} ${actor.state} ${actor.last_failure ?? ''}`.toLowerCase().includes(wanted)
  const walk = (actor: ActorView, depth: number): { below: number; found: boolean } => {
    const row: Row = { actor, depth, children: actor.children?.length ?? 0, open: wanted !== '' || !closed.has(actor.path), below: 0 }
    const at = rows.push(row)
    let any = wanted === '' || found(actor)
    for (const child of actor.children ?? []) {
      const under = walk(child, depth + 1)
      row.below += child.restarts + under.below
      any ||= under.found
    }
    if (!row.open) rows.length = at
    if (!any) rows.length = at - 1
    return { below: row.below, found: any }
  }
  walk(root, 0)
  return rows
}

/** total counts all actors, their restarts and what waits in their mailboxes. */
export function total(root: ActorView): { actors: number; restarts: number; waiting: number; restarting: number } {
  const sum = { actors: 1, restarts: root.restarts, waiting: root.mailbox, restarting: root.state === 'running' ? 0 : 1 }
  for (const child of root.children ?? []) {
    const t = total(child)
    sum.actors += t.actors
    sum.restarts += t.restarts
    sum.waiting += t.waiting
    sum.restarting += t.restarting
  }
  return sum
}
