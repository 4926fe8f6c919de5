/** How to get the records of a pattern elsewhere: what is untrusted is quoted for where it goes. */
export interface Command {
  name: string
  text: string
}

export function commands(base: string, pattern: string, where: string): Command[] {
  const query = new URLSearchParams()
  if (where) query.set('where', where)
  const tail = query.size > 0 ? `?${query.toString()}` : ''
  const subscribe: Record<string, unknown> = { op: 'subscribe', sub: '1', streams: [pattern], start: 'latest' }
  if (where) subscribe['where'] = where
  return [
    { name: 'anode', text: `anode subscribe ${shell(pattern)}${where ? ` --where ${shell(where)}` : ''} --server ${shell(base)}` },
    { name: 'curl', text: `curl -N ${shell(`${base}/api/v1/streams/${encodeURIComponent(pattern)}/events${tail}`)}` },
    {
      name: 'JavaScript',
      text: [
        `const socket = new WebSocket(${script(`${base.replace(/^http/, 'ws')}/api/v1/subscribe`)}, "anode.v1.json")`,
        `socket.onopen = () => socket.send(JSON.stringify(${script(subscribe)}))`,
        'socket.onmessage = ({ data }) => {',
        '  const message = JSON.parse(data)',
        '  if (message.op === "records") for (const record of message.records) console.log(record)',
        '}',
      ].join('\n'),
    },
  ]
}

/** shell quotes a word for a shell, where it needs to be. */
export function shell(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** script is a value as a script has it, wherever it is pasted. */
function script(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

/** single tells whether a pattern names one stream. */
export function single(pattern: string): boolean {
  return pattern !== '' && !/[*>]/.test(pattern) && !pattern.endsWith('.')
}
