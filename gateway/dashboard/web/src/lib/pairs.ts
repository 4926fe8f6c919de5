import { content, type Carried } from './record.ts'
import type { FrameView, RecordView, TryView } from './types.ts'

/** Pair is a frame and what it became. */
export interface Pair {
  frame: FrameView
  records: RecordView[]
}

/**
 * pair puts each record to the frame that made it, as far as that can be told: of a running source nobody says it. It is
 * the last one that came before the record, or of those just before and after it the one that has its id in it. Records
 * from before the first frame are left out. Newest first.
 */
export function pair(frames: readonly FrameView[], records: readonly RecordView[]): Pair[] {
  const pairs: Pair[] = frames.map((frame) => ({ frame, records: [] }))
  const came = pairs.filter((p) => p.frame.dir !== 'out').map((p) => ({ p, at: Math.floor(Date.parse(p.frame.received)) }))
  for (const record of records) {
    const at = Date.parse(record.received)
    let low = 0
    let high = came.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((came[middle]?.at ?? 0) <= at) low = middle + 1
      else high = middle
    }
    let best = came[low - 1]
    if (record.native_id) {
      for (let i = Math.min(came.length, low + around) - 1; i >= Math.max(0, low - around); i--) {
        const near = came[i]
        if (near && Math.abs(near.at - at) <= apart && (near.p.frame.text ?? '').includes(record.native_id)) {
          best = near
          break
        }
      }
    }
    best?.p.records.push(record)
  }
  return pairs.reverse()
}

/** How many frames around a record are looked at, and how far from it, in ms. */
const around = 40
const apart = 500

/** Outcome is what came of a trial. */
export interface Outcome {
  pairs: Pair[]
  /** loose are records of frames that are not told. */
  loose: number
  /** failed is what should have become a record, and did not. */
  failed: number
}

/** tried puts the records of a trial to the frames that made them: there the node says it. */
export function tried(trial: TryView): Outcome {
  const frame = (record: number) => trial.record_frames?.[record] ?? -1
  return {
    pairs: trial.frames.map((f, i) => ({ frame: f, records: trial.records.filter((_, r) => frame(r) === i) })),
    loose: trial.records.filter((_, r) => frame(r) < 0).length,
    failed: trial.dropped.filter((d) => !['filtered', 'duplicate', 'limited'].includes(d.reason)).length,
  }
}

/** streamPattern is what a source's records are subscribed by: each part of the template in braces is one token. */
export function streamPattern(spec: { name?: string; stream?: unknown }, name: string): string {
  if (typeof spec.stream !== 'string' || spec.stream === '') return spec.name ?? name
  const tokens: string[] = []
  let token = ''
  let depth = 0
  for (const c of spec.stream) {
    if (c === '{') depth++
    if (c === '}') depth--
    if (c === '.' && depth === 0) {
      tokens.push(token)
      token = ''
    } else token += c
  }
  tokens.push(token)
  return tokens.map((t) => (t.includes('{') ? '*' : t)).join('.')
}

/** became says of a frame without records that it has none, where that is known: of a running source records may still come. */
export function became(frame: FrameView, records: number, known: boolean): string {
  return known && records === 0 && frame.dir !== 'out' ? 'no record' : ''
}

/** body is what a frame or record carries, as text that can be read. */
export function body(of: Carried): string {
  const binary = of.data === undefined && of.text === undefined && of.base64 !== undefined
  return `${binary ? 'binary, base64: ' : ''}${content(of)}`
}
