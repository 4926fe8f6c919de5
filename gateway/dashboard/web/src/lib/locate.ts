/**
 * locate finds the line of a text, YAML or JSON, that a path such as /transform/map is about; 0 where none is found,
 * or is meant. It reads only what specs look like, and is as good as it can be while somebody types.
 */
export function locate(text: string, path: string): number {
  const parts = path.split('/').slice(1).map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (parts.length === 0 || parts[0] === '') return 0
  const lines = text.split('\n')
  let from = 0
  let to = lines.length
  let found = 0
  let indent = -1
  for (const part of parts) {
    const next = /^\d+$/.test(part) ? item(lines, from, to, indent, Number(part)) : entry(lines, from, to, part)
    if (next < 0) break
    found = next + 1
    indent = depth(lines[next] ?? '')
    from = next
    to = end(lines, next, to)
  }
  return found
}

function depth(line: string): number {
  return line.length - line.trimStart().length
}

/** entry is the first line of a range that begins with the key, or has it within. */
function entry(lines: string[], from: number, to: number, key: string): number {
  const escaped = key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const begins = new RegExp(`^\\s*(?:- +)?["']?${escaped}["']?\\s*:`)
  const within = new RegExp(`[{,]\\s*["']?${escaped}["']?\\s*:`)
  let best = -1
  for (let i = from; i < to; i++) {
    const line = lines[i] ?? ''
    if (begins.test(line) && (best < 0 || depth(line) < depth(lines[best] ?? ''))) best = i
  }
  for (let i = from; best < 0 && i < to; i++) if (within.test(lines[i] ?? '')) best = i
  return best
}

/** item is the line at which the nth item of a list in the range begins. */
function item(lines: string[], from: number, to: number, above: number, n: number): number {
  let at = -1
  let wide = -1
  for (let i = from + 1; i < to; i++) {
    const line = lines[i] ?? ''
    const here = depth(line)
    if (!/^\s*(- |-$|\{)/.test(line) || here < above || (wide >= 0 && here !== wide)) continue
    wide = here
    if (++at === n) return i
  }
  return -1
}

/** end is where what begins at a line ends: at the next line that is no deeper. */
function end(lines: string[], at: number, to: number): number {
  const here = depth(lines[at] ?? '')
  for (let i = at + 1; i < to; i++) {
    const line = lines[i] ?? ''
    if (line.trim() !== '' && depth(line) <= here && !/^\s*[\]}-]/.test(line)) return i
  }
  return to
}
