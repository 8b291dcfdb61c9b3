// The audit trail as the API gives it.

import { z } from '@hono/zod-openapi'
import { AUDIT_EVENTS } from '../../db/audit.ts'
import { pageQuery, timeSchema } from './shared.ts'

export const auditEntrySchema = z
  .object({
    id: z.string(),
    at: timeSchema,
    actor: z.string().openapi({ example: 'user:admin' }),
    event: z.string().openapi({ example: 'file_deleted' }),
    instance: z.string().nullable(),
    run_id: z.string().nullable(),
    account_id: z.string().nullable(),
    binding_id: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
  })
  .openapi('AuditEntry')

export const auditQuery = z.object({
  ...pageQuery,
  instance: z.string().max(64).optional(),
  run_id: z.string().max(200).optional(),
  account_id: z.string().max(200).optional(),
  binding_id: z.string().max(200).optional(),
  event: z.enum(AUDIT_EVENTS).optional(),
  actor: z.string().max(200).optional(),
  q: z.string().trim().max(200).optional().openapi({
    description:
      'Text that occurs in the entry. The trail is searched in pieces: a short page with a next_cursor goes on there',
  }),
})
