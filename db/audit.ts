// The audit trail: who did what, and what the program did by itself. It only grows; the database refuses
// updates and deletes. Details never hold a secret: they are shown to whoever may read the trail.

import type { DbOrTransaction } from './database.ts'
import type { AuditEntry } from './schema.ts'

export const AUDIT_EVENTS = [
  // a run and its archive
  'run_recorded',
  'archive_pinned',
  'archive_not_linkable',
  'archive_released',
  'sync_started',
  'sync_finished',
  'reupload_requested',
  'cancel_requested',
  'retry_requested',
  // one destination
  'upload_resumed',
  'upload_verified',
  'upload_failed',
  'upload_cancelled',
  'already_present',
  'name_conflict_renamed',
  'session_restarted',
  'hash_mismatch',
  'bad_copy_removed',
  'copy_vanished',
  // retention
  'prune_planned',
  'prune_skipped',
  'file_deleted',
  'prune_failed',
  // what people set up
  'instance_created',
  'instance_updated',
  'instance_deleted',
  'account_created',
  'account_updated',
  'account_deleted',
  'account_checked',
  'account_paused',
  'binding_created',
  'binding_updated',
  'binding_deleted',
  // access and keys
  'user_created',
  'user_updated',
  'user_deleted',
  'password_changed',
  'login_succeeded',
  'login_failed',
  'login_blocked',
  'logged_out',
  'token_created',
  'token_deleted',
  'key_created',
  'keys_rotated',
] as const
export type AuditEvent = (typeof AUDIT_EVENTS)[number]

type NewAuditEntry = {
  /** 'user:admin', 'token', 'workflow' and the like. */
  readonly actor: string
  readonly event: AuditEvent
  readonly instance_slug?: string | null | undefined
  readonly run_id?: string | null | undefined
  readonly account_id?: string | null | undefined
  readonly binding_id?: string | null | undefined
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

export async function appendAudit(db: DbOrTransaction, entry: NewAuditEntry): Promise<AuditEntry> {
  return db
    .insertInto('audit_log')
    .values({
      actor: entry.actor,
      event: entry.event,
      instance_slug: entry.instance_slug ?? null,
      run_id: entry.run_id ?? null,
      account_id: entry.account_id ?? null,
      binding_id: entry.binding_id ?? null,
      details: JSON.stringify(entry.details ?? {}),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}
