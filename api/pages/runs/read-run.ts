// Reads all that the page of a run shows.

import type { Context } from 'hono'
import type { Run } from '../../../db/schema.ts'
import { listAttempts } from '../../../db/uploads/attempts.ts'
import { listDeletedCopies } from '../../../db/uploads/deleted-copies.ts'
import { listAttemptProgress } from '../../../db/uploads/progress.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps, TemporalUi } from '../../context.ts'
import { liveProgress } from '../../runs/live-progress.ts'
import type { RunView, WorkflowLink } from './view.ts'

const MOST_AUDIT = 100

/** `c` is the request that asks. */
export async function readRunView(deps: AppDeps, c: Context<AppEnv>, run: Run): Promise<RunView> {
  const { db, temporalUi = null } = deps
  const [attempts, audit, bindings, copies, live, progress] = await Promise.all([
    listAttempts(db, run.id),
    listAudit(db, { run_id: run.id, limit: MOST_AUDIT }),
    listBindingViews(db, { instance: run.instance_slug }),
    listDeletedCopies(db, [run.id]),
    liveProgress(deps, [run]),
    run.cloud_status === 'pending' ? listAttemptProgress(db, [run.id]) : [],
  ])
  return {
    run,
    live: live.get(run.id) ?? null,
    attempts,
    progress,
    audit: audit.items,
    bindings,
    copies,
    principal: c.get('principal'),
    workflow: temporalUi === null ? null : workflowLink(temporalUi, run, new URL(c.req.url).hostname),
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

function workflowLink({ url, namespace }: TemporalUi, run: Run, visited: string): WorkflowLink {
  return {
    url: `${url}/namespaces/${namespace}/workflows/${encodeURIComponent(run.workflow_id)}`,
    isElsewhere: LOOPBACK.test(new URL(url).hostname) && !LOOPBACK.test(visited),
  }
}
