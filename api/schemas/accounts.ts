// Cloud accounts as the API takes and gives them. Credentials only come in: no schema of an answer has a field for them.
// db/accounts/account-shapes.ts says what an account of each provider consists of.

import { z } from '@hono/zod-openapi'
import { accountShapes } from '../../db/accounts/account-shapes.ts'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { timeSchema } from './shared.ts'

const nameSchema = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200, 'must have at most 200 characters')
  .openapi({ example: 'Drive EU' })

const settingsSchema = z.record(z.string(), z.unknown()).openapi({
  description: 'google_drive: folder_id, subject?; dropbox: remote_path?; onedrive: drive, remote_path?',
})

export const accountSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    provider: z.enum(PROVIDER_KINDS),
    settings: settingsSchema,
    has_credentials: z.boolean(),
    credentials_hint: z
      .string()
      .nullable()
      .openapi({ description: 'Whose credentials they are; never a secret' }),
    needs_credentials: z.boolean().openapi({
      description: 'No key of the key file opens the credentials: they must be entered again',
    }),
    created_at: timeSchema,
    updated_at: timeSchema,
  })
  .openapi('Account')

export const newAccountSchema = z
  .discriminatedUnion(
    'provider',
    [
      z.strictObject({
        name: nameSchema,
        provider: z.literal('google_drive'),
        credentials: accountShapes.google_drive.credentials,
        settings: accountShapes.google_drive.settings,
      }),
      z.strictObject({
        name: nameSchema,
        provider: z.literal('dropbox'),
        credentials: accountShapes.dropbox.credentials,
        settings: accountShapes.dropbox.settings.optional(),
      }),
      z.strictObject({
        name: nameSchema,
        provider: z.literal('onedrive'),
        credentials: accountShapes.onedrive.credentials,
        settings: accountShapes.onedrive.settings,
      }),
    ],
    {
      error: ({ code }) =>
        code === 'invalid_union' ? `must be one of ${PROVIDER_KINDS.join(', ')}` : undefined,
    },
  )
  .openapi('NewAccount')

export const accountPatchSchema = z
  .strictObject({
    name: nameSchema,
    credentials: z.record(z.string(), z.unknown()).openapi({
      description: "All of the provider's credentials, as for a new account; left out: they stay",
      writeOnly: true,
    }),
    settings: settingsSchema,
  })
  .partial()
  .openapi('AccountPatch')

export const accountCheckSchema = z
  .object({
    ok: z.boolean(),
    detail: z.string(),
    space: z
      .object({ used: z.number(), total: z.number().nullable() })
      .nullable()
      .openapi({ description: 'Bytes; null where the provider does not say' }),
    error: z
      .object({
        code: z.string(),
        message: z.string().openapi({ description: '`fact` and `advice` joined' }),
        fact: z.string().optional().openapi({ description: 'What happened' }),
        advice: z.string().optional().openapi({ description: 'What to do' }),
      })
      .nullable(),
  })
  .openapi('AccountCheck')
