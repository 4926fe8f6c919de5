import { untrack } from 'svelte'
import { Api, said } from './api.ts'
import { root } from './format.ts'
import { live } from './live.svelte.ts'
import { present, type NodeState } from './mesh.ts'

/** Choice is a node of the mesh that a page asks; empty is the one that the page is connected to, whichever that is. */
export class Choice {
  id = $state('')

  /** node is the one that is asked; undefined while nothing is known of it. */
  get node(): NodeState | undefined {
    return this.id === '' ? live.nodes.find((n) => n.view.self) : live.nodes.find((n) => n.view.id === this.id)
  }

  /** api asks the node itself: another one than the connected is asked at its own address. */
  get api(): Api {
    const node = this.node
    if (this.id === '' || !node || node.view.self) return live.api
    const other = new Api(() => root(node.view.http))
    other.token = live.api.token
    return other
  }

  /** gone: the node that was chosen takes no part any more. */
  get gone(): boolean {
    return this.id !== '' && (!this.node || !present(this.node.view.state))
  }
}

/** Asked is the answer to a question that is asked again and again while a page is shown. */
export class Asked<T> {
  value = $state.raw<T | undefined>()
  error = $state('')
}

/**
 * ask asks at once and then each `every` ms while the component lives and the page is in sight. Where it changes who is asked,
 * the answer of before is let go. An answer that fails leaves the last one, with the error beside it.
 */
export function ask<T>(every: number, who: () => Choice, question: (api: Api, signal: AbortSignal) => Promise<T>): Asked<T> {
  const asked = new Asked<T>()
  const address = $derived(who().api === live.api ? live.at : (who().node?.view.http ?? ''))
  $effect(() => {
    void address
    const api = untrack(() => who().api)
    const over = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    asked.value = undefined
    asked.error = ''
    const go = async () => {
      if (!document.hidden) {
        try {
          const value = await question(api, over.signal)
          if (over.signal.aborted) return
          asked.value = value
          asked.error = ''
        } catch (error) {
          if (over.signal.aborted) return
          asked.error = said(error)
        }
      }
      timer = setTimeout(() => void go(), every)
    }
    void go()
    return () => {
      over.abort()
      clearTimeout(timer)
    }
  })
  return asked
}
