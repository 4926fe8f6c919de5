import { brief, bytes } from './format.ts'
import type { RecordView } from './types.ts'

/** Carried is what a record or a frame carries. */
export type Carried = Pick<RecordView, 'data' | 'json' | 'text' | 'base64'>

/** content is it as text: JSON as it came, not as JavaScript would write it. */
export function content(of: Carried): string {
  if (of.data !== undefined) return of.json ?? JSON.stringify(of.data)
  return of.text ?? of.base64 ?? ''
}

/** newest are the records that came and those that were held, newest first; of several of one moment the one that came last. */
export function newest(came: readonly RecordView[], held: readonly RecordView[], most: number): RecordView[] {
  return [...came.slice().reverse(), ...held].sort((a, b) => Date.parse(b.received) - Date.parse(a.received)).slice(0, most)
}

/** sort says of what is no JSON what it is, and of base64 that it is base64. */
export function sort({ data, text, base64, content_type }: RecordView): string {
  if (data !== undefined || (text === undefined && base64 === undefined)) return ''
  const type = brief((content_type ?? '').split(';', 1)[0]?.trim() ?? '', 60)
  if (base64 === undefined) return type || 'text'
  return `${type || 'binary'}, ${bytes(Math.floor((base64.replace(/=+$/, '').length * 3) / 4))}, base64`
}
