// What the sending of a file works with.

import type { HttpClient } from '../../../http/client.ts'
import type { Graph } from '../graph.ts'
import type { Items } from '../items.ts'
import type { Sessions } from '../sessions.ts'

export type UploadDeps = {
  readonly graph: Graph
  readonly http: HttpClient
  readonly items: Items
  readonly sessions: Sessions
  readonly graphRoot: string
  readonly now: () => number
  /** The most at a time: a multiple of 320 KiB below 60 MiB. */
  readonly fragmentBytes: number
}
