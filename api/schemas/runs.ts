// Runs as the API takes and gives them. A new run has the fields of the workflow's argument, and workflows/runs/input.ts checks
// both.

import { z } from '@hono/zod-openapi'
import { isArchiveName } from '../../workflows/archives/archive-name.ts'
import { parseCloudSyncInput } from '../../workflows/runs/input.ts'
import {
  CLOUD_STATUSES,
  DESTINATION_STATUSES,
  HASH_ALGORITHMS,
  PROVIDER_KINDS,
} from '../../workflows/types.ts'
import { INSTANCE_SLUG, RUN_ID } from '../../workflows/workflow-ids.ts'
import { LONGEST_PIN_WAIT_S } from '../runs/pin-wait.ts'
import { pageQuery, statusErrorSchema, timeSchema } from './shared.ts'

const accountIds = z
  .array(z.string().min(1).max(200))
  .max(100)
  .readonly()
  .openapi({ description: 'Limits the run to these accounts, at least one' })

export const newRunSchema = z
  .strictObject({
    instance: z
      .string()
      .openapi({ description: 'Slug of the instance', example: 'acme', pattern: INSTANCE_SLUG.source }),
    archive: z.string().max(4096).openapi({
      description: 'Relative to BACKUP_ROOT, or absolute beneath it',
      example: 'acme/prod/2026-11-23.dump',
    }),
    database: z.string().nullish().openapi({ example: 'acme_prod' }),
    finished_at: z.string().nullish().openapi({
      description: 'When the backup was finished, RFC 3339',
      example: '2026-11-23T02:10:00Z',
    }),
    run_id: z.string().nullish().openapi({
      description: 'Your own ID of the run: the same one twice gives the same run, not a second upload',
      pattern: RUN_ID.source,
    }),
    archive_task_queue: z.string().nullish().openapi({
      description: 'Task queue of the worker on the host that has the archive',
      example: 'cloud-host7',
    }),
    account_ids: accountIds.nullish(),
  })
  .superRefine((value, context) => {
    const parsed = parseCloudSyncInput(value)
    for (const { path, message } of parsed.ok ? [] : parsed.issues) {
      context.addIssue({ code: 'custom', path: [path], message })
    }
    const { archive } = value
    if (archive.split('/').includes('..')) {
      context.addIssue({ code: 'custom', path: ['archive'], message: 'must not have ".." in it' })
    } else if (archive.trim() !== '' && !isArchiveName(archive)) {
      context.addIssue({
        code: 'custom',
        path: ['archive'],
        message: 'must be a .zip, .dump or .tar.gz file',
      })
    }
  })
  .openapi('NewRun')

const hashSchema = z.object({ algorithm: z.enum(HASH_ALGORITHMS), value: z.string() })

const retentionSchema = z.object({
  keep_last: z.int(),
  deleted: z.array(z.string()).readonly().openapi({
    description: 'Names of the deleted files, the first hundred; the audit has them all.',
  }),
  deleted_count: z.int().optional().openapi({
    description: 'How many files were deleted; absent where `deleted` names them all.',
  }),
  kept: z.int(),
  skipped: z.enum(['would_delete_all', 'new_file_not_listed']).nullable(),
  error: statusErrorSchema.nullable(),
})

const destinationSchema = z
  .object({
    account: z.string(),
    provider: z.enum(PROVIDER_KINDS),
    binding_id: z.string(),
    status: z.enum(DESTINATION_STATUSES),
    error: statusErrorSchema.nullable(),
    remote_path: z.string().nullable(),
    remote_id: z.string().nullable(),
    size: z.number().nullable().openapi({ description: 'Bytes' }),
    bytes_sent: z.number(),
    hash: hashSchema.nullable(),
    attempt: z.int(),
    started_at: timeSchema.nullable(),
    finished_at: timeSchema.nullable(),
    retention: retentionSchema.nullable(),
  })
  .openapi('Destination')

const cloudSyncStatusSchema = z
  .record(z.string(), destinationSchema)
  .openapi('CloudSyncStatus', { description: 'Keyed by account ID' })

export const runSchema = z
  .object({
    id: z.string(),
    instance: z.string(),
    archive: z.string(),
    database: z.string().nullable(),
    finished_at: timeSchema.nullable(),
    archive_task_queue: z.string().nullable(),
    account_ids: z.array(z.string()).readonly().nullable(),
    workflow_id: z.string(),
    size: z.number().nullable().openapi({ description: 'Bytes; null until the archive was looked at' }),
    pin: z
      .enum(['linked', 'original'])
      .nullable()
      .openapi({
        description:
          'How the archive is kept while a destination needs it. linked: by a hard link, so the file may be deleted or moved; original: ' +
          'the file system cannot link, so the file has to stay; null: not kept, because nobody has seen the archive yet ' +
          '(the file has to stay), or because no destination needs it any more',
      }),
    kept_until: timeSchema.nullable().openapi({ description: 'Until when a re-upload finds the archive' }),
    cloud_status: z.enum(CLOUD_STATUSES),
    cloud_sync_status: cloudSyncStatusSchema,
    error: statusErrorSchema.nullable().openapi({ description: 'What stopped the run as a whole' }),
    sync_started_at: timeSchema.nullable(),
    sync_finished_at: timeSchema.nullable(),
    created_at: timeSchema,
    updated_at: timeSchema,
  })
  .openapi('Run')

const attemptSchema = z
  .object({
    account_id: z.string(),
    attempt: z.int(),
    started_at: timeSchema,
    finished_at: timeSchema.nullable(),
    outcome: z.enum(['uploaded', 'failed', 'retrying', 'cancelled']).nullable(),
    bytes_sent: z.number(),
    from_offset: z.number(),
    error: statusErrorSchema.nullable(),
  })
  .openapi('Attempt')

const liveSchema = z
  .object({
    source: z.enum(['temporal', 'database']).openapi({
      description: 'database: Temporal does not answer, so this is a few seconds older',
    }),
    destinations: z.record(
      z.string(),
      z.object({
        bytes_sent: z.number(),
        bytes_per_second: z.number().nullable(),
        eta_seconds: z.number().nullable(),
        attempt: z.int(),
        state: z.enum(['running', 'waiting', 'cancelling']),
        next_attempt_at: timeSchema.nullable(),
        last_error: z.string().nullable(),
      }),
    ),
  })
  .openapi('Live', { description: 'Progress of the destinations that are not settled, keyed by account ID' })

export const listedRunSchema = runSchema
  .extend({
    live: liveSchema.nullable().optional().openapi({ description: 'With ?live=true; null when settled' }),
  })
  .openapi('ListedRun')

export const runDetailSchema = runSchema
  .extend({ live: liveSchema.nullable(), attempts: z.array(attemptSchema).readonly() })
  .openapi('RunDetail')

const time = z.iso.datetime({ offset: true, message: 'must be a time such as 2026-11-23T00:00:00Z' })

export const runQuery = z.object({
  ...pageQuery,
  instance: z.string().max(64).optional().openapi({ example: 'acme' }),
  status: z.enum(CLOUD_STATUSES).optional().openapi({
    description:
      '`cloud_status` of the run: the first of pending, failed, cancelled, uploaded that any destination has',
  }),
  account: z.string().max(200).optional().openapi({ description: 'ID of an account among the destinations' }),
  q: z.string().trim().max(200).optional().openapi({
    description: 'Words that all occur in instance, database, archive or run ID',
    example: 'acme',
  }),
  from: time.optional().openapi({ description: 'Made at or after this time' }),
  to: time.optional().openapi({ description: 'Made before this time' }),
  live: z
    .enum(['true', 'false'])
    .optional()
    .openapi({ description: 'true adds the live progress of open runs' }),
})

export const reuploadSchema = z
  .strictObject({
    account_ids: accountIds
      .refine((ids) => ids.length > 0, 'must name at least one account')
      .nullish()
      .openapi({
        description: 'Default: the failed and cancelled destinations; all when there are none',
      }),
  })
  .openapi('Reupload')

export const runIdParam = z.object({
  id: z
    .string()
    .max(200)
    .openapi({ param: { name: 'id', in: 'path' }, example: '2026-11-23-acme' }),
})

export const pinWaitQuery = z.object({
  wait: z
    .enum(['pinned'])
    .optional()
    .openapi({
      description:
        'pinned: answers as soon as pin is not null or the run has ended, and after wait_seconds at the latest; ' +
        'pin says then what is true, and may still be null',
    }),
  wait_seconds: z.coerce
    .number()
    .min(1)
    .max(LONGEST_PIN_WAIT_S)
    .default(LONGEST_PIN_WAIT_S)
    .openapi({ description: 'The bound of wait, in seconds' }),
})

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .openapi({ description: 'The same key twice gives the same run; not used when the body has a run_id' }),
})
