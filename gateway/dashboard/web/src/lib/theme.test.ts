import { afterEach, beforeEach, expect, test, vi } from 'vitest'

/** System is what the system prefers, and who listens to it. */
class System {
  matches = false
  #listeners: (() => void)[] = []
  addEventListener(_type: string, run: () => void) {
    this.#listeners.push(run)
  }
  prefers(dark: boolean) {
    this.matches = dark
    for (const run of this.#listeners) run()
  }
}

let system: System
let kept: Map<string, string>
let root: { dataset: Record<string, string> }

beforeEach(() => {
  system = new System()
  kept = new Map()
  root = { dataset: {} }
  vi.stubGlobal('matchMedia', () => system)
  vi.stubGlobal('document', { documentElement: root })
  vi.stubGlobal('localStorage', { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v), removeItem: (k: string) => kept.delete(k) })
})
afterEach(() => vi.unstubAllGlobals())

/** started is the theme of a page that was just loaded. */
async function started() {
  vi.resetModules()
  const module = await import('./theme.svelte.ts')
  module.startTheme()
  return module
}

test('it is the system’s, and follows it, until one is chosen', async () => {
  system.matches = true
  const { theme } = await started()
  expect([theme.choice, theme.shown, root.dataset['theme']]).toEqual(['system', 'dark', 'dark'])
  system.prefers(false)
  expect([theme.shown, root.dataset['theme']]).toEqual(['light', 'light'])
})

test('what was chosen is shown at once, whatever the system turns to', async () => {
  const { theme, choose } = await started()
  choose('dark')
  expect([theme.choice, theme.shown, root.dataset['theme']]).toEqual(['dark', 'dark', 'dark'])
  system.prefers(true)
  system.prefers(false)
  expect(theme.shown).toBe('dark')
})

test('the choice is kept over a reload', async () => {
  ;(await started()).choose('dark')
  const { theme } = await started()
  expect([theme.choice, theme.shown]).toEqual(['dark', 'dark'])
})

test('to choose the system again forgets the choice', async () => {
  kept.set('anode.theme', 'dark')
  const { theme, choose } = await started()
  expect(theme.shown).toBe('dark')
  choose('system')
  expect([theme.choice, theme.shown, kept.size]).toEqual(['system', 'light', 0])
})

test('what is kept and no theme is not taken', async () => {
  kept.set('anode.theme', 'url(evil)')
  const { theme } = await started()
  expect([theme.choice, root.dataset['theme']]).toEqual(['system', 'light'])
})

test('in a browser that keeps nothing the choice holds until the page is closed', async () => {
  const refuses = () => {
    throw new DOMException('no', 'SecurityError')
  }
  vi.stubGlobal('localStorage', { getItem: refuses, setItem: refuses, removeItem: refuses })
  const { theme, choose } = await started()
  expect(theme.choice).toBe('system')
  choose('dark')
  expect([theme.choice, theme.shown]).toEqual(['dark', 'dark'])
  choose('system')
  expect(theme.shown).toBe('light')
})
