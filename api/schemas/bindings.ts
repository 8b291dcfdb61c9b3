// Bindings as the API takes and gives them, and what is at their destinations.

import { z } from '@hono/zod-openapi'
import { remotePathSchema } from '../../db/accounts/account-shapes.ts'
import { DEFAULT_REMOTE_PATH } from '../../db/instances/folder-pattern.ts'
import { RETENTION_SCOPES } from '../../workflows/types.ts'
import { timeSchema } from './shared.ts'

const UNKNOWN_PLACEHOLDER = /\{(?!instance_slug\}|database\})|(?<!\{instance_slug|\{database)\}/

const remotePath = z
  .string()
  .max(1000)
  .refine(
    (path) => !UNKNOWN_PLACEHOLDER.test(path),
    'may only have the placeholders {instance_slug} and {database}',
  )
  .pipe(remotePathSchema)
  .openapi({
    type: 'string',
    description:
      'Under the folder or remote path of the account; placeholders {instance_slug} and {database}',
    example: DEFAULT_REMOTE_PATH,
  })

const keepLast = z
  .int('must be a whole number of at least 1, or null to keep all')
  .min(1, 'must be at least 1, or null to keep all')
  .max(1_000_000, 'must be at most 1000000; null keeps all')
  .nullable()
  .openapi({ description: 'Archives that stay at the destination; null keeps all', example: 30 })

const changeable = {
  remote_path: remotePath.optional(),
  enabled: z.boolean().optional().openapi({
    description:
      'false takes the destination out of runs that start from now on; an upload under way is finished',
  }),
  keep_last: keepLast.optional(),
  retention_scope: z.enum(RETENTION_SCOPES).optional().openapi({
    description: 'folder: every archive in the folder counts; own: only files that this program uploaded',
  }),
}

export const bindingSchema = z
  .object({
    id: z.string(),
    instance: z.string(),
    account_id: z.string(),
    remote_path: z.string(),
    resolved_folder: z
      .string()
      .openapi({ description: 'The folder as it is compared with that of other bindings' }),
    enabled: z.boolean(),
    keep_last: z.int().nullable(),
    retention_scope: z.enum(RETENTION_SCOPES),
    created_at: timeSchema,
    updated_at: timeSchema,
  })
  .openapi('Binding')

export const newBindingSchema = z
  .strictObject({ account_id: z.string().min(1, 'must not be empty').max(200), ...changeable })
  .openapi('NewBinding')

export const bindingPatchSchema = z.strictObject(changeable).openapi('BindingPatch')

const hashSchema = z.object({ algorithm: z.string(), value: z.string() }).openapi('FileHash')

const remoteFileSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    size: z.number(),
    uploaded_at: z.string(),
    hash: hashSchema.nullable(),
    is_archive: z.boolean(),
  })
  .openapi('RemoteFile')

const listed = {
  folder: z.string(),
  truncated: z.boolean().openapi({ description: 'There are more files than are shown' }),
}

/** The worker's answer. */
export const remoteFilesSchema = z.object({ ...listed, files: z.array(remoteFileSchema).readonly() })

/** The API's answer: a list on one page. */
export const remoteFileListSchema = z
  .object({ ...listed, items: z.array(remoteFileSchema).readonly(), next_cursor: z.null() })
  .openapi('RemoteFiles')

const plannedFiles = z
  .array(z.object({ id: z.string(), name: z.string(), size: z.number(), uploaded_at: z.string() }))
  .readonly()

export const prunePreviewSchema = z
  .object({
    keep_last: z.int(),
    delete: plannedFiles,
    keep: plannedFiles,
    guard: z
      .enum(['would_delete_all'])
      .nullable()
      .openapi({ description: 'Why a prune would leave everything as it is; null when it would not' }),
    truncated: z.boolean(),
  })
  .openapi('PrunePreview')

const database = z
  .string()
  .max(128)
  .optional()
  .openapi({ description: 'Stands for {database} in the remote path', example: 'acme_prod' })

export const remoteFilesQuery = z.object({ database })

export const previewQuery = z.object({
  database,
  keep_last: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'must be a whole number of at least 1')
    .transform(Number)
    .optional()
    .openapi({ type: 'integer', description: "Default: the binding's keep_last", example: 30 }),
})
