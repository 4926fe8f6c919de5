/** Draft is a text that a person writes, and that a template or an answer may replace: what was typed is not lost. */
export interface Draft {
  text: string
  /** put is what was put there last, and not typed. */
  put: string
  /** former is what was typed before it was replaced; empty is nothing. */
  former: string
  /** version is that of the source the text began from. */
  version: string
}

/** begun is a draft that nobody typed at. */
export function begun(text: string, version = ''): Draft {
  return { text, put: text, former: '', version }
}

/** touched tells whether something was typed that stands there now. */
export function touched(draft: Draft): boolean {
  return draft.text.trim() !== '' && draft.text !== draft.put
}

export function replace(draft: Draft, text: string): Draft {
  return { ...draft, text, put: text, former: touched(draft) ? draft.text : draft.former }
}

export function undo(draft: Draft): Draft {
  return { ...draft, text: draft.former, put: '', former: '' }
}

/** left are drafts of editors that were left, by the name of the source; they live as long as the page. */
export const left = new Map<string, Draft>()
