import { parse } from './raw.ts'
import type { Fault } from './types.ts'

/** Problem is an error as the API tells it (application/problem+json), or that there was no answer (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly faults: Fault[] = [],
  ) {
    super(message)
  }
}

/** said is an error in words. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export interface Options {
  body?: string
  type?: string
  match?: string
  /** within ends a call that takes longer, in ms; 0 is never. */
  within?: number
  signal?: AbortSignal
}

/** Api calls the REST API of the node that the page is connected to. */
export class Api {
  token = ''

  constructor(
    readonly base: () => string,
    private readonly call: typeof fetch = (...args) => fetch(...args),
  ) {}

  get<T>(path: string, options: Options = {}): Promise<T> {
    return this.send<T>('GET', path, options)
  }

  async send<T>(method: string, path: string, options: Options = {}): Promise<T> {
    const answer = await this.raw(method, path, options)
    const text = await answer.text()
    return text === '' ? (undefined as T) : parse<T>(text)
  }

  /** all walks a list to its end, at most `most` items. */
  async all<T>(path: string, most = 100_000): Promise<T[]> {
    const items: T[] = []
    let next: string | undefined
    do {
      const at: string = next === undefined ? `${path}${path.includes('?') ? '&' : '?'}limit=1000` : `${path.split('?')[0]}?page=${encodeURIComponent(next)}`
      const page = await this.get<{ items: T[]; next?: string }>(at)
      items.push(...page.items)
      next = page.next
    } while (next && items.length < most)
    return items
  }

  /** raw gives the answer itself, for bodies that don't end; what is no success throws a Problem. */
  async raw(method: string, path: string, options: Options = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (options.body !== undefined) headers['Content-Type'] = options.type ?? 'application/json'
    if (options.match) headers['If-Match'] = options.match
    if (this.token) headers['Authorization'] = `Bearer ${this.token}`
    const signals = [...(options.signal ? [options.signal] : []), ...(options.within === 0 ? [] : [AbortSignal.timeout(options.within ?? 15_000)])]
    const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'omit' }
    if (signals.length > 0) init.signal = AbortSignal.any(signals)
    if (options.body !== undefined) init.body = options.body
    let answer: Response
    try {
      answer = await this.call(`${this.base()}/api/v1${path}`, init)
    } catch (error) {
      if (options.signal?.aborted) throw error
      throw new Problem(0, 'no_answer', 'the node does not answer')
    }
    if (!answer.ok) throw await problem(answer)
    return answer
  }
}

async function problem(answer: Response): Promise<Problem> {
  const text = await answer.text().catch(() => '')
  try {
    const body = JSON.parse(text) as { title?: string; detail?: string; code?: string; errors?: Fault[] }
    return new Problem(answer.status, body.code ?? '', body.detail || body.title || answer.statusText, body.errors ?? [])
  } catch {
    return new Problem(answer.status, '', text.slice(0, 300) || answer.statusText || `status ${answer.status}`)
  }
}
