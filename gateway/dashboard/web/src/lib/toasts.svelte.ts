/** Toasts say what an action led to. Good news goes by itself; bad news stays until it is closed. */
export interface Toast {
  id: number
  bad: boolean
  text: string
}

export const toasts = $state<{ list: Toast[] }>({ list: [] })

/** At most so many are shown; good news stays so long, in ms. */
const most = 4
const goodFor = 5000
let ids = 0

/** toast shows a text. Where there is no room the oldest good news makes it, and bad news only where there is nothing else. */
export function toast(text: string, bad = false): void {
  const id = ++ids
  if (toasts.list.length >= most) dismiss((toasts.list.find((t) => !t.bad) ?? toasts.list[0])?.id)
  toasts.list = [...toasts.list, { id, bad, text }]
  if (!bad) setTimeout(() => dismiss(id), goodFor)
}

export function dismiss(id: number | undefined): void {
  toasts.list = toasts.list.filter((t) => t.id !== id)
}
