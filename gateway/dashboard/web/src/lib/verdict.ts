import { locate } from './locate.ts'
import type { Fault } from './types.ts'

/** Checked is what the mesh says of a spec that is not stored. */
export interface Checked {
  valid: boolean
  name?: string
  exists?: boolean
  errors: Fault[]
}

/** Verdict is what an editor shows of the text in it. */
export interface Verdict {
  state: 'empty' | 'good' | 'bad' | 'unknown'
  /** faults are those of the spec; line 0 is none that could be found. */
  faults: (Fault & { line: number })[]
  /** message says why a text could not be checked. */
  message: string
  /** name is that of the source, of a good one; exists: there is one of that name. */
  name: string
  exists: boolean
}

/** none is the verdict of an empty text. */
export const none: Verdict = { state: 'empty', faults: [], message: '', exists: false, name: '' }

/** judge is the verdict of a text. The source that is edited has a name, which must stay; a new one has none. */
export function judge(text: string, checked: Checked, edited: string): Verdict {
  if (!checked.valid) return bad(checked.errors.map((f) => ({ line: line(text, f), ...f })))
  if (edited !== '' && checked.name !== edited) {
    return bad([{ line: locate(text, '/name'), path: '/name', message: `must stay ${edited}: under another name it is another source` }])
  }
  return { ...none, state: 'good', exists: checked.exists ?? false, name: checked.name ?? '' }
}

function bad(faults: Verdict['faults']): Verdict {
  return { ...none, state: 'bad', faults }
}

/** line is where a fault is: by its path, or as a reader of YAML or JSON says it. */
function line(text: string, fault: Fault): number {
  return locate(text, fault.path) || Number(/line (\d+)/.exec(fault.message)?.[1] ?? 0)
}
