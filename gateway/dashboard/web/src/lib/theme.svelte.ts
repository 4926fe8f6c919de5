/** The theme is the system's until the reader chooses one; the choice is kept in this browser. */
export type Choice = 'system' | 'light' | 'dark'

const key = 'anode.theme'
const dark = matchMedia('(prefers-color-scheme: dark)')

export const theme = $state<{ choice: Choice; shown: 'light' | 'dark' }>({ choice: 'system', shown: 'light' })

export function startTheme(): void {
  try {
    const kept = localStorage.getItem(key)
    if (kept === 'light' || kept === 'dark') theme.choice = kept
  } catch {
    // A browser that keeps nothing follows the system.
  }
  dark.addEventListener('change', show)
  show()
}

export function choose(choice: Choice): void {
  theme.choice = choice
  try {
    if (choice === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, choice)
  } catch {
    // It holds until the page is closed.
  }
  show()
}

function show(): void {
  theme.shown = theme.choice === 'system' ? (dark.matches ? 'dark' : 'light') : theme.choice
  document.documentElement.dataset['theme'] = theme.shown
}
