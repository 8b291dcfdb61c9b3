// Turns the form of an account into what the API takes. It accepts what people paste, such as a folder's URL or spaces around
// an ID. It refuses nothing: the API's own schema says what is wrong.

import { PROVIDER_KINDS, type ProviderKind } from '../../../workflows/types.ts'
import type { FormFields } from '../../ui/form-data.ts'

type AccountInput = {
  readonly name: string
  readonly provider: ProviderKind
  readonly credentials: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, unknown>>
}

const DRIVE_KINDS = ['user', 'site_id', 'drive_id'] as const

/** Null when the text names no provider. */
export function providerOf(text: string | undefined): ProviderKind | null {
  return PROVIDER_KINDS.find((kind) => kind === text) ?? null
}

/** The body of POST /api/accounts. */
export function accountInput(provider: ProviderKind, form: FormFields): AccountInput {
  return {
    name: form.text('name'),
    provider,
    credentials: credentialsOf(provider, form),
    settings: settingsOf(provider, form),
  }
}

/** True when something was typed into a field of the credentials: they will be replaced. */
export function hasCredentials(provider: ProviderKind, form: FormFields): boolean {
  return Object.values(credentialsOf(provider, form)).some((value) => value !== '')
}

const SECRETS: Readonly<Record<ProviderKind, readonly string[]>> = {
  google_drive: ['credentials_json'],
  dropbox: ['access_token', 'app_secret', 'refresh_token'],
  onedrive: ['client_secret'],
}

/** What may go back into a form: never one of the secrets. */
const SHOWN_AGAIN = [
  'name',
  'folder_id',
  'subject',
  'remote_path',
  'token_kind',
  'app_key',
  'tenant_id',
  'client_id',
  'drive_kind',
  'drive',
]

/** What was typed, without secrets. */
export function shownAgain(form: FormFields): Readonly<Record<string, string>> {
  return Object.fromEntries(SHOWN_AGAIN.map((name) => [name, form.text(name)]))
}

/** The secret fields into which something was typed, which no page sends back. */
export function filledSecrets(provider: ProviderKind, form: FormFields): readonly string[] {
  return SECRETS[provider].filter((name) => form.text(name) !== '')
}

/** The fields of the provider's credentials, possibly empty. */
export function credentialsOf(provider: ProviderKind, form: FormFields): Readonly<Record<string, string>> {
  switch (provider) {
    case 'google_drive':
      return { credentials_json: form.text('credentials_json') }
    case 'dropbox': {
      const access_token = form.text('access_token')
      if (form.text('token_kind') === 'access_token') return { access_token }
      const app_secret = form.optional('app_secret')
      const keys = { refresh_token: form.text('refresh_token'), app_key: form.text('app_key') }
      return app_secret === undefined ? keys : { ...keys, app_secret }
    }
    case 'onedrive':
      return {
        tenant_id: form.text('tenant_id'),
        client_id: form.text('client_id'),
        client_secret: form.text('client_secret'),
      }
  }
}

/** The provider's settings, without those that were left empty. */
export function settingsOf(provider: ProviderKind, form: FormFields): Readonly<Record<string, unknown>> {
  const remote_path = form.optional('remote_path')
  const below = remote_path === undefined ? {} : { remote_path }
  switch (provider) {
    case 'google_drive': {
      const subject = form.optional('subject')
      const folder_id = folderIdOf(form.text('folder_id'))
      return subject === undefined ? { folder_id } : { folder_id, subject }
    }
    case 'dropbox':
      return below
    case 'onedrive': {
      const kind = DRIVE_KINDS.find((one) => one === form.text('drive_kind')) ?? 'user'
      return { drive: { [kind]: form.text('drive') }, ...below }
    }
  }
}

const FOLDER_URL = /\/folders\/([A-Za-z0-9_-]+)|[?&]id=([A-Za-z0-9_-]+)/

/** 'https://drive.google.com/drive/u/0/folders/1AbC?usp=sharing' → '1AbC'. Any other text stays as it is. */
function folderIdOf(text: string): string {
  const found = FOLDER_URL.exec(text)
  return found?.[1] ?? found?.[2] ?? text
}
