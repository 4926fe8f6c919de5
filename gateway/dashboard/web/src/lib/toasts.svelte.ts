/** Toasts say what an action led to. Bad news stays until it is closed. */
export interface Toast {
  id: number
  bad: boolean
  text: string
}

export const toasts = $state<{ list: Toast[] }>({ list: [] })
let ids = 0

export function toast(text: string, bad = false): void {
  const id = ++ids
  toasts.list = [...toasts.list.slice(-3), { id, bad, text }]
  if (!bad) setTimeout(() => dismiss(id), 5000)
}

export function dismiss(id: number): void {
  toasts.list = toasts.list.filter((t) => t.id !== id)
}
