// Audit entries about one destination of a run, with the workflow as their actor.

import { type AuditEvent, appendAudit } from '../../db/audit.ts'
import type { DbOrTransaction } from '../../db/database.ts'

type AuditedDestination = {
  readonly run_id: string
  readonly instance: string
  readonly account_id: string
  readonly binding_id: string
}

export async function auditDestination(
  db: DbOrTransaction,
  { run_id, instance, account_id, binding_id }: AuditedDestination,
  event: AuditEvent,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  await appendAudit(db, {
    actor: 'workflow',
    event,
    instance_slug: instance,
    run_id,
    account_id,
    binding_id,
    details,
  })
}
