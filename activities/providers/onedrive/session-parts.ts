// What every step of an upload session works with.

import type { HttpClient } from '../../http/client.ts'
import type { Graph } from './graph.ts'
import type { Items } from './items.ts'

export type SessionParts = {
  readonly graph: Graph
  readonly items: Items
  readonly http: HttpClient
  readonly graphRoot: string
  readonly clientId: string
  readonly now: () => number
  /** Between two questions about a session that is not found. */
  readonly lookupPauseMs: number
}
