// Logins, users and API tokens as the API takes and gives them. Passwords only come in; a token is shown once.

import { z } from '@hono/zod-openapi'
import { USER_ROLES } from '../../db/schema.ts'
import { PERMISSIONS } from '../access/permissions.ts'
import { timeSchema } from './shared.ts'

const username = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/, 'must be letters, digits or . _ @ -, at most 64')
  .openapi({ example: 'admin' })

/** The rules for a new password need the user's name, so api/access/passwords.ts checks them. */
const password = z.string().max(1024).openapi({ format: 'password', writeOnly: true })

const role = z.enum(USER_ROLES).openapi({
  description: 'admin: everything; operator: runs, re-uploads and account checks; viewer: reads',
})

const permission = z.enum(PERMISSIONS)

export const loginSchema = z
  .strictObject({ username: z.string().max(200).openapi({ example: 'admin' }), password })
  .openapi('Login')

export const sessionSchema = z
  .object({
    id: z.string(),
    username: z.string(),
    role,
    permissions: z.array(permission).readonly(),
    must_change_password: z.boolean().openapi({ description: 'Nothing else is allowed before' }),
    expires_at: timeSchema,
  })
  .openapi('Session')

export const passwordChangeSchema = z
  .strictObject({ current_password: password, new_password: password })
  .openapi('PasswordChange')

export const userSchema = z
  .object({
    id: z.string(),
    username: z.string(),
    role,
    must_change_password: z.boolean(),
    last_login_at: timeSchema.nullable(),
    created_at: timeSchema,
    updated_at: timeSchema,
  })
  .openapi('User')

export const newUserSchema = z.strictObject({ username, password, role }).openapi('NewUser')

export const userPatchSchema = z
  .strictObject({ role: role.optional(), password: password.optional() })
  .openapi('UserPatch', {
    description: 'A new password must be changed at the next login, and ends all sessions',
  })

export const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.string()).readonly(),
    effective_scopes: z.array(z.string()).readonly().openapi({
      description: 'What it may do now: its scopes, as far as the person who made it may do that',
    }),
    created_by: z.string().openapi({ example: 'user:admin' }),
    maker_deleted: z.boolean().openapi({ description: 'The person who made it was deleted: it is refused' }),
    created_at: timeSchema,
    expires_at: timeSchema.nullable(),
    last_used_at: timeSchema.nullable(),
  })
  .openapi('ApiToken')

export const newTokenSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9._ -]{0,99}$/, 'must be letters, digits, spaces or . _ -, at most 100')
      .openapi({ example: 'nightly backups' }),
    scopes: z.array(permission).min(1, 'must have at least one scope').max(PERMISSIONS.length).readonly(),
    expires_at: z.iso
      .datetime({ offset: true, message: 'must be a time such as 2027-11-23T00:00:00Z' })
      .nullish()
      .refine((at) => at == null || Date.parse(at) > Date.now(), 'must be in the future'),
  })
  .openapi('NewApiToken')

export const createdTokenSchema = tokenSchema
  .extend({ token: z.string().openapi({ description: 'Shown this once' }) })
  .openapi('CreatedApiToken')
