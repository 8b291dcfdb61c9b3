// What an account of each provider consists of (docs/design.md, "Credentials by provider"). The API checks input with these
// schemas and activities read the opened credentials with them, so that a wrong shape is refused at one edge only.

import { z } from 'zod'
import type { ProviderKind } from '../../workflows/types.ts'

const nonEmpty = (max: number) => z.string().trim().min(1, 'must not be empty').max(max)

/** A folder path as people write it; becomes '/a/b' (the root is '/'). Refuses '.', '..', control characters and backslashes. */
export const remotePathSchema = z
  .string()
  .max(1000)
  .transform((path, context) => {
    const segments = path.split('/').filter((segment) => segment !== '')
    const bad = segments.find(
      (segment) =>
        segment === '.' || segment === '..' || segment !== segment.trim() || /[\p{Cc}\\]/u.test(segment),
    )
    if (bad === undefined) return `/${segments.join('/')}`
    context.addIssue({
      code: 'custom',
      message: `the folder name ${JSON.stringify(bad)} cannot be used in a path`,
    })
    return z.NEVER
  })

/** The parts of a Google service-account key file that are needed; the others are kept out of the database. */
export const serviceAccountSchema = z.object({
  type: z.literal('service_account', 'must be "service_account": paste the key file of a service account'),
  client_email: z.email('must be the e-mail address of the service account'),
  private_key: z.string().regex(/-----BEGIN (RSA )?PRIVATE KEY-----/, 'must be a private key in PEM form'),
  private_key_id: z.string().optional(),
  project_id: z.string().optional(),
})
export type ServiceAccount = z.infer<typeof serviceAccountSchema>

const serviceAccountText = z
  .union([z.string(), z.record(z.string(), z.unknown())])
  .transform((given, context) => {
    let value: unknown = given
    if (typeof given === 'string') {
      try {
        value = JSON.parse(given)
      } catch {
        // The parser's own message would quote the text, which may be a private key.
        context.addIssue({
          code: 'custom',
          message: 'is not JSON: paste the whole key file of the service account',
        })
        return z.NEVER
      }
    }
    const otherFile = otherFileFault(value)
    if (otherFile !== null) {
      context.addIssue({ code: 'custom', message: otherFile })
      return z.NEVER
    }
    const parsed = serviceAccountSchema.safeParse(value)
    if (parsed.success) return JSON.stringify(parsed.data)
    for (const issue of parsed.error.issues) {
      context.addIssue({ code: 'custom', path: [...issue.path], message: issue.message })
    }
    return z.NEVER
  })

/** Google's other JSON files, and JSON that is none of its files; null for what may be a key file. */
function otherFileFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'is JSON, but no key file: paste the whole key file of the service account'
  }
  const isOauthClient = 'installed' in value || 'web' in value
  const isAuthorizedUser = 'type' in value && value.type === 'authorized_user'
  return isOauthClient || isAuthorizedUser
    ? 'is an OAuth client file. Create a key of a service account instead.'
    : null
}

const googleDriveCredentialsSchema = z.strictObject({ credentials_json: serviceAccountText })
const googleDriveSettingsSchema = z.strictObject({
  folder_id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{5,200}$/, 'must be the ID of a folder (the last part of its URL)'),
  subject: z.email('must be the e-mail address of the user to act for').optional(),
})

const dropboxCredentialsSchema = z.union(
  [
    z.strictObject({ access_token: nonEmpty(5000) }),
    z.strictObject({
      refresh_token: nonEmpty(2000),
      app_key: nonEmpty(200),
      app_secret: nonEmpty(200).optional(),
    }),
  ],
  'must be { access_token } or { refresh_token, app_key, app_secret? }',
)
const dropboxSettingsSchema = z.strictObject({ remote_path: remotePathSchema.optional() })

const oneDriveCredentialsSchema = z.strictObject({
  tenant_id: nonEmpty(200).regex(/^[A-Za-z0-9.-]+$/, 'must be the directory (tenant) ID or domain'),
  client_id: nonEmpty(200),
  client_secret: nonEmpty(2000),
})
const oneDriveSettingsSchema = z.strictObject({
  drive: z.union(
    [
      z.strictObject({ user: nonEmpty(320) }),
      z.strictObject({ drive_id: nonEmpty(300) }),
      z.strictObject({ site_id: nonEmpty(500) }),
    ],
    'must be { user }, { drive_id } or { site_id }: an application has no drive of its own',
  ),
  remote_path: remotePathSchema.optional(),
})

export type GoogleDriveCredentials = z.infer<typeof googleDriveCredentialsSchema>
export type GoogleDriveSettings = z.infer<typeof googleDriveSettingsSchema>
export type DropboxCredentials = z.infer<typeof dropboxCredentialsSchema>
export type DropboxSettings = z.infer<typeof dropboxSettingsSchema>
export type OneDriveCredentials = z.infer<typeof oneDriveCredentialsSchema>
export type OneDriveSettings = z.infer<typeof oneDriveSettingsSchema>

export const accountShapes = {
  google_drive: { credentials: googleDriveCredentialsSchema, settings: googleDriveSettingsSchema },
  dropbox: { credentials: dropboxCredentialsSchema, settings: dropboxSettingsSchema },
  onedrive: { credentials: oneDriveCredentialsSchema, settings: oneDriveSettingsSchema },
} as const satisfies Record<ProviderKind, { credentials: z.ZodType; settings: z.ZodType }>
