// Which provider is made for which kind: the one line that a further provider adds.

import { accountShapes } from '../../db/accounts/account-shapes.ts'
import type { OpenAccount } from '../../db/accounts/credentials.ts'
import type { Endpoints } from '../../db/process/config.ts'
import type { HttpClient } from '../http/client.ts'
import { createDropbox } from './dropbox/index.ts'
import { createGoogleDrive } from './google-drive/index.ts'
import { createOneDrive } from './onedrive/index.ts'
import type { Provider } from './provider.ts'

type ProviderDeps = { readonly http: HttpClient; readonly endpoints: Endpoints }

/** Throws ZodError when credentials or settings have not the provider's shape: check them before. */
export function createProvider(
  account: Pick<OpenAccount, 'provider' | 'credentials' | 'settings'>,
  deps: ProviderDeps,
): Provider {
  const { http, endpoints } = deps
  switch (account.provider) {
    case 'google_drive':
      return createGoogleDrive({
        credentials: accountShapes.google_drive.credentials.parse(account.credentials),
        settings: accountShapes.google_drive.settings.parse(account.settings),
        endpoints: { apiRoot: endpoints.googleApiRoot, tokenUrl: endpoints.googleTokenUrl },
        http,
      })
    case 'dropbox':
      return createDropbox({
        credentials: accountShapes.dropbox.credentials.parse(account.credentials),
        settings: accountShapes.dropbox.settings.parse(account.settings),
        endpoints: { apiRoot: endpoints.dropboxApiRoot, contentRoot: endpoints.dropboxContentRoot },
        http,
      })
    case 'onedrive':
      return createOneDrive({
        credentials: accountShapes.onedrive.credentials.parse(account.credentials),
        settings: accountShapes.onedrive.settings.parse(account.settings),
        endpoints: {
          graphRoot: endpoints.microsoftGraphRoot,
          authorityRoot: endpoints.microsoftAuthorityRoot,
        },
        http,
      })
  }
}
