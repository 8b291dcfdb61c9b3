// The form of a cloud account: each field of a provider with the steps that lead to it. Secrets are never sent back: a
// field of one is always empty, and in an account that exists it means "stays as it is".

import type { ProviderKind } from '../../workflows/types.ts'
import { type ApiProblem, faultOf } from './api-call.ts'
import { inputField, selectField, textareaField } from './forms.ts'
import { html, type Markup, type Part } from './markup.ts'

const PROVIDER_TEXTS = {
  google_drive: {
    json: 'Credentials JSON',
    jsonHint: 'Paste the key file of the service account, or drop the file on the field.',
    jsonFile: 'Choose the key file',
    jsonSteps: [
      'In the Google Cloud console, choose a project and enable the “Google Drive API”.',
      'IAM & Admin → Service accounts → Create service account. It needs no role.',
      'Open it → Keys → Add key → Create new key → JSON. The file that is downloaded goes here.',
      'It contains a private key: it is stored encrypted and never shown again.',
    ],
    folder: 'Folder ID',
    folderHint: 'The ID, or the whole address of the folder as the browser shows it.',
    folderSteps: [
      'A service account has no storage of its own: make the folder in a shared drive.',
      'Share the folder (or the drive) with the e-mail address of the service account, as “Content manager”; as “Manager” when old copies are to be deleted for good and not moved to the trash.',
      'Open the folder and copy its address.',
    ],
    subject: 'Act for user (optional)',
    subjectHint: 'Only with domain-wide delegation: files then belong to this user.',
    subjectSteps: [
      'In the Admin console → Security → API controls → Domain-wide delegation, allow the client ID of the service account the scope https://www.googleapis.com/auth/drive.',
    ],
    email: 'Share the folder with',
  },
  dropbox: {
    kind: 'Kind of access',
    kinds: [
      { value: 'refresh_token', label: 'Refresh token (lasting)' },
      { value: 'access_token', label: 'Access token (about 4 hours, for a trial)' },
    ],
    kindSteps: [
      'dropbox.com/developers → App console → Create app → Scoped access → App folder.',
      'Permissions: account_info.read, files.metadata.read, files.content.read, files.content.write → Submit.',
    ],
    refreshToken: 'Refresh token',
    appKey: 'App key',
    appSecret: 'App secret (not with PKCE)',
    keySteps: [
      'App key and app secret stand on the Settings tab of the app.',
      'Open https://www.dropbox.com/oauth2/authorize?client_id=APP_KEY&response_type=code&token_access_type=offline, allow the access, and exchange the code at https://api.dropboxapi.com/oauth2/token for a refresh token.',
    ],
    accessToken: 'Access token',
    accessHint: 'Only when that kind of access is chosen.',
    accessSteps: ['Settings tab → Generated access token → Generate. It expires after about 4 hours.'],
    pathSteps: ['In the app folder; it is made when it is missing. /odoo-backups/ is usual.'],
  },
  onedrive: {
    tenant: 'Tenant ID',
    tenantSteps: [
      'Microsoft Entra admin center → App registrations → New registration, without a redirect URI.',
      'On its overview: Directory (tenant) ID and Application (client) ID.',
    ],
    client: 'Client ID',
    secret: 'Client secret',
    secretSteps: [
      'Certificates & secrets → New client secret. Copy the value (not the secret ID) at once.',
      'API permissions → Microsoft Graph → Application permissions → Files.ReadWrite.All → Grant admin consent.',
    ],
    driveKind: 'Target',
    driveKinds: [
      { value: 'user', label: 'OneDrive of a user' },
      { value: 'site_id', label: 'SharePoint site' },
      { value: 'drive_id', label: 'Drive by its ID' },
    ],
    drive: 'Target drive',
    driveHint: 'The e-mail address of the user, or the ID of the site or drive.',
    driveSteps: ['An application has no drive of its own: say whose drive takes the backups.'],
    pathSteps: ['A folder of that drive; it is made when it is missing. /odoo-backups/ is usual.'],
  },
  shared: {
    name: 'Account name',
    namePlaceholder: 'My Drive',
    path: 'Remote path (optional)',
    pathPlaceholder: '/odoo-backups/',
    keep: 'Left empty: the stored value stays.',
  },
} as const

export type AccountFormView = {
  readonly provider: ProviderKind
  /** What goes back into the fields; never a secret. */
  readonly values: Readonly<Record<string, string>>
  readonly problem: ApiProblem | null
  /** Credentials may stay as they are. */
  readonly isSaved: boolean
}

export function accountFields(view: AccountFormView): Markup {
  const t = PROVIDER_TEXTS.shared
  return html`${row(inputField({ ...base(view, 'name', 'name'), label: t.name, placeholder: t.namePlaceholder, isRequired: true, autocomplete: 'off' }))}
${FIELDS[view.provider](view)}`
}

const FIELDS: Readonly<Record<ProviderKind, (view: AccountFormView) => Part>> = {
  google_drive: (view) => {
    const t = PROVIDER_TEXTS.google_drive
    const keyFile = html`${textareaField({ ...secret(view, 'credentials_json', t.jsonHint), label: t.json, rows: 7, attributes: html`data-key-file="key-file"` })}
<div data-component="field"><label for="key-file">${t.jsonFile}</label><input type="file" id="key-file" accept=".json,application/json" data-into="credentials_json"></div>
<p id="key-file-email" data-component="hint" role="status" hidden>${t.email}: <strong></strong></p>`
    return [
      row(keyFile, t.jsonSteps),
      row(
        inputField({
          ...base(view, 'folder_id', 'settings.folder_id'),
          label: t.folder,
          hint: t.folderHint,
          isRequired: true,
        }),
        t.folderSteps,
      ),
      row(
        inputField({ ...base(view, 'subject', 'settings.subject'), label: t.subject, hint: t.subjectHint }),
        t.subjectSteps,
      ),
    ]
  },
  dropbox: (view) => {
    const t = PROVIDER_TEXTS.dropbox
    return [
      row(
        selectField({ ...base(view, 'token_kind', 'credentials'), label: t.kind, choices: t.kinds }),
        t.kindSteps,
      ),
      row(
        html`${inputField({ ...base(view, 'app_key', 'credentials.app_key'), label: t.appKey })}
${inputField({ ...secret(view, 'app_secret'), label: t.appSecret, type: 'password' })}
${inputField({ ...secret(view, 'refresh_token'), label: t.refreshToken, type: 'password' })}`,
        t.keySteps,
      ),
      row(
        inputField({ ...secret(view, 'access_token', t.accessHint), label: t.accessToken, type: 'password' }),
        t.accessSteps,
      ),
      pathRow(view, t.pathSteps),
    ]
  },
  onedrive: (view) => {
    const t = PROVIDER_TEXTS.onedrive
    const isRequired = !view.isSaved
    return [
      row(
        html`${inputField({ ...base(view, 'tenant_id', 'credentials.tenant_id'), label: t.tenant, isRequired })}
${inputField({ ...base(view, 'client_id', 'credentials.client_id'), label: t.client, isRequired })}`,
        t.tenantSteps,
      ),
      row(inputField({ ...secret(view, 'client_secret'), label: t.secret, type: 'password' }), t.secretSteps),
      row(
        html`${selectField({ ...base(view, 'drive_kind', 'settings.drive_kind'), label: t.driveKind, choices: t.driveKinds })}
${inputField({ ...base(view, 'drive', 'settings.drive'), label: t.drive, hint: t.driveHint, isRequired: true })}`,
        t.driveSteps,
      ),
      pathRow(view, t.pathSteps),
    ]
  },
}

function pathRow(view: AccountFormView, steps: readonly string[]): Markup {
  const t = PROVIDER_TEXTS.shared
  const options = base(view, 'remote_path', 'settings.remote_path')
  return row(inputField({ ...options, label: t.path, placeholder: t.pathPlaceholder }), steps)
}

function base({ values, problem }: AccountFormView, name: string, path: string) {
  return { name, value: values[name] ?? '', fault: faultOf(problem, path) }
}

/** Without a value, whatever was typed. */
function secret({ problem, isSaved }: AccountFormView, name: string, hint?: string) {
  const shown = isSaved ? PROVIDER_TEXTS.shared.keep : hint
  return {
    name,
    autocomplete: 'off',
    fault: faultOf(problem, `credentials.${name}`),
    ...(shown === undefined ? {} : { hint: shown }),
  }
}

/** A field, and beside it the steps that lead to its value. */
function row(control: Part, steps: readonly string[] = []): Markup {
  return html`<div data-component="guided"><div data-component="stack">${control}</div>${
    steps.length === 0
      ? html`<div></div>`
      : html`<ol data-component="steps">${steps.map((step) => html`<li>${step}</li>`)}</ol>`
  }</div>`
}
