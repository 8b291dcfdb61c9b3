// What people may see of an account's credentials: who they belong to, and never a part of a secret.

import { z } from 'zod'
import type { Credentials } from '../../db/accounts/credentials.ts'
import type { ProviderKind } from '../../workflows/types.ts'

const keyFile = z.object({ client_email: z.string() })
const application = z.object({ client_id: z.string() })
const dropboxApp = z.object({ app_key: z.string() })

/** Of credentials that have passed db/accounts/account-shapes.ts. */
export function credentialsHint(provider: ProviderKind, credentials: Credentials): string | null {
  switch (provider) {
    case 'google_drive': {
      const text = z.string().parse(credentials.credentials_json)
      return keyFile.parse(JSON.parse(text)).client_email
    }
    case 'dropbox': {
      const app = dropboxApp.safeParse(credentials)
      return app.success ? `app ${app.data.app_key}` : 'access token'
    }
    case 'onedrive':
      return `application ${application.parse(credentials).client_id}`
  }
}
