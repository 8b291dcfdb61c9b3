// The form of a cloud account: each field of a provider with the steps that lead to its value. Secrets are never sent back. The
// field of a secret arrives empty, and the browser keeps what was typed while the form around it is renewed. In a saved account,
// an empty field means that the secret stays.

import type { ProviderKind } from '../../../workflows/types.ts'
import type { ApiProblem } from '../../ui/api-call.ts'
import { faultBelow } from '../../ui/fault-text.ts'
import { inputField, selectField, textareaField } from '../../ui/forms.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { accountFormTexts as texts } from './form-texts.ts'

export type AccountFormView = {
  readonly provider: ProviderKind
  /** What is put back into the fields; never a secret. */
  readonly values: Readonly<Record<string, string>>
  readonly problem: ApiProblem | null
  /** The account exists, and its credentials may stay. */
  readonly isSaved: boolean
  /** Secret fields that were filled in and are lost, because the whole page is sent again. */
  readonly lostSecrets?: readonly string[]
}

export function accountFields(view: AccountFormView): Markup {
  const t = texts.shared
  const placeholder = texts.examples[view.provider]
  return html`${row(inputField({ ...base(view, 'name', 'name'), label: t.name, placeholder, isRequired: true, autocomplete: 'off' }))}
${view.isSaved ? html`<p data-component="form-note">${texts.keep[view.provider]}</p>` : null}
${FIELDS[view.provider](view)}`
}

const FIELDS: Readonly<Record<ProviderKind, (view: AccountFormView) => Part>> = {
  google_drive: (view) => {
    const t = texts.google_drive
    const keyFile = html`${textareaField({ ...secret(view, 'credentials_json', t.jsonHint), label: t.json, rows: 7, attributes: html`data-service-key="key-file"` })}
<div data-component="field"><label for="key-file">${t.jsonFile}</label><input type="file" id="key-file" accept=".json,application/json" hx-preserve aria-describedby="key-file-fault"><div data-component="field-error" id="key-file-fault" role="status" hx-preserve data-too-large="${t.tooLarge}" data-no-json="${t.noJson}"></div></div>
<p id="key-file-email" data-component="hint" role="status" hx-preserve hidden>${t.email}: <strong></strong></p>`
    const folder = { ...base(view, 'folder_id', 'settings.folder_id'), label: t.folder, hint: t.folderHint }
    const subject = { ...base(view, 'subject', 'settings.subject'), label: t.subject, hint: t.subjectHint }
    return [
      row(keyFile, t.jsonSteps),
      row(inputField({ ...folder, isRequired: true }), t.folderSteps),
      row(inputField(subject), t.subjectSteps),
    ]
  },
  dropbox: (view) => {
    const t = texts.dropbox
    const ofKind = (kind: string) => html`data-of-kind="${kind}"`
    return [
      row(
        selectField({ ...base(view, 'token_kind', 'credentials', true), label: t.kind, choices: t.kinds }),
        t.kindSteps,
      ),
      row(
        html`${inputField({ ...base(view, 'app_key', 'credentials.app_key'), label: t.appKey })}
${inputField({ ...secret(view, 'app_secret'), label: t.appSecret, type: 'password' })}
${inputField({ ...secret(view, 'refresh_token'), label: t.refreshToken, type: 'password' })}`,
        t.keySteps,
        ofKind('refresh_token'),
      ),
      row(
        inputField({ ...secret(view, 'access_token', t.accessHint), label: t.accessToken, type: 'password' }),
        t.accessSteps,
        ofKind('access_token'),
      ),
      pathRow(view, t.pathSteps),
    ]
  },
  onedrive: (view) => {
    const t = texts.onedrive
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
  const t = texts.shared
  const options = base(view, 'remote_path', 'settings.remote_path')
  return row(inputField({ ...options, label: t.path, hint: t.pathHint }), steps)
}

function base(view: AccountFormView, name: string, path: string, isExact = false) {
  const own = view.problem?.errors.find((error) => error.path === path)?.message ?? null
  const fault = isExact ? own : faultBelow(view.problem, path)
  return { name, value: view.values[name] ?? '', fault: together(view, path, fault) }
}

/** Without a value, whatever was typed. */
function secret(view: AccountFormView, name: string, hint?: string) {
  const path = `credentials.${name}`
  const isFile = name === 'credentials_json'
  const fault = together(view, path, faultBelow(view.problem, path, isFile))
  const lost = view.lostSecrets?.includes(name) === true ? texts.shared.enterAgain : null
  return {
    name,
    autocomplete: 'off',
    isPreserved: true,
    fault: fault ?? lost,
    ...(hint === undefined ? {} : { hint }),
  }
}

/** Credentials are only replaced as a whole, so an empty field among filled ones is a fault. */
function together({ isSaved }: AccountFormView, path: string, fault: string | null): string | null {
  const isEmpty = fault !== null && /must not be empty|is required/.test(fault) && !fault.startsWith('“')
  return isSaved && isEmpty && path.startsWith('credentials') ? texts.shared.together : fault
}

/** A field, and beside it the steps that lead to its value. */
function row(control: Part, steps: readonly string[] = [], attributes: Part = null): Markup {
  return html`<div data-component="guided" ${attributes}><div data-component="stack">${control}</div>${
    steps.length === 0
      ? html`<div></div>`
      : html`<ol data-component="steps">${steps.map((step) => html`<li>${step}</li>`)}</ol>`
  }</div>`
}
