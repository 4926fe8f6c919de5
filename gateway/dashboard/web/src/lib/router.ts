/** Routes are in the hash: #/sources/kraken-trades is the page `sources` with the parameter `kraken-trades`. */
export interface Route {
  page: string
  param: string
}

export const pages = ['overview', 'sources', 'streams', 'subscribers', 'actors', 'storage', 'events', 'node'] as const
export type Page = (typeof pages)[number]

/** parse reads a hash; what names no page is `missing` with the text as its parameter. */
export function parse(hash: string): Route {
  const path = hash.replace(/^#\/?/, '')
  const slash = path.indexOf('/')
  const page = slash < 0 ? path : path.slice(0, slash)
  if (page === '') return { page: 'overview', param: '' }
  if (!(pages as readonly string[]).includes(page)) return { page: 'missing', param: path }
  return { page, param: slash < 0 ? '' : decode(path.slice(slash + 1)) }
}

/** href is the hash of a page: names are untrusted and escaped. */
export function href(page: Page, param = ''): string {
  const head = page === 'overview' && param === '' ? '#/' : `#/${page}`
  return param === '' ? head : `${head}/${encodeURIComponent(param)}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
