/** holds tells whether a text has all words of a filter, however they are written; an empty filter leaves nothing out. */
export function holds(text: string, filter: string): boolean {
  const lower = text.toLowerCase()
  return filter.toLowerCase().split(/\s+/).every((word) => lower.includes(word))
}
