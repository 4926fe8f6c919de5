/**
 * Of untrusted text, all that would not be seen, or would turn around how the rest of the line reads: controls but tab and
 * the end of a line, marks of direction, spaces of no width, tags, halves of characters. What joins letters and emoji stays.
 */
const unseen = /(?!\r\n)[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]|\p{Cs}/gu

/** visible shows it as JSON writes it: \u202E. */
export function visible(text: string): string {
  return text.replace(unseen, (c) => {
    const code = (c.codePointAt(0) ?? 0).toString(16).toUpperCase()
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
  })
}

const fromRight = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u
const quoted = /("[^"\\]*(?:\\.[^"\\]*)*"?)/s

/** apart cuts a text in which something is written from the right: each second part is a quoted text, which stands by itself. */
export function apart(text: string): string[] {
  return fromRight.test(text) ? text.split(quoted) : [text]
}
