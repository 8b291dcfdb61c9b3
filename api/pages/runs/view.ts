// What the page of one run shows, read at one moment.

import type { Attempt, AuditEntry, Run } from '../../../db/schema.ts'
import type { DeletedCopy } from '../../../db/uploads/deleted-copies.ts'
import type { AttemptProgress } from '../../../db/uploads/progress.ts'
import type { BindingView } from '../../../db/views/bindings.ts'
import type { Principal } from '../../access/principal.ts'
import type { Live } from '../../runs/live-progress.ts'

export type RunView = {
  readonly run: Run
  readonly live: Live | null
  readonly attempts: readonly Attempt[]
  readonly progress: readonly AttemptProgress[]
  readonly audit: readonly AuditEntry[]
  readonly bindings: readonly BindingView[]
  readonly copies: readonly DeletedCopy[]
  readonly principal: Principal
  readonly workflow: WorkflowLink | null
}

/** The workflow in Temporal's Web UI. */
export type WorkflowLink = {
  readonly url: string
  /** The address only works on the program's own machine, and the page is read on another one. */
  readonly isElsewhere: boolean
}
