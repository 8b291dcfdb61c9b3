// Settings: users, tokens for programs, the key that seals every credential, and whether all parts answer.

import type { ApiToken } from '../../../db/access/api-tokens.ts'
import { USER_ROLES, type User } from '../../../db/schema.ts'
import { PERMISSIONS } from '../../access/permissions.ts'
import { type ApiProblem, faultOf } from '../../ui/api-call.ts'
import { asSentence } from '../../ui/fault-text.ts'
import { actionButton, checkbox, inputField, selectField } from '../../ui/forms.ts'
import { messageBox } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { pageHead } from '../../ui/page-parts.ts'
import { pill } from '../../ui/status-words.ts'
import { timeOrDash, timeTag } from '../../ui/time-tag.ts'

export const settingsTexts = {
  title: 'Settings',
  health: 'Health',
  parts: { database: 'Database', temporal: 'Temporal', key: 'Key', workers: 'Workers' },
  works: 'works',
  atWork: 'at work',
  away: 'does not answer',
  versions: 'Versions',
  key: 'Encryption key',
  fingerprint: 'Key in use',
  otherKeys: 'Further keys that open',
  backup: 'Back the key file',
  backupWhy:
    'up, apart from the database: without it every stored credential is lost and has to be entered again.',
  users: 'Users',
  roles: {
    admin: 'administrator: everything',
    operator: 'operator: runs and re-uploads',
    viewer: 'viewer: reads',
  },
  username: 'Username',
  role: 'Role',
  password: 'Password',
  firstPassword: 'First password',
  firstPasswordHint: 'It has to be changed at the first login.',
  lastLogin: 'Last login',
  mustChange: 'must change the password',
  changeRole: 'Set',
  addUser: 'Add user',
  deleteUser: 'Delete',
  deleteUserText: 'All sessions of this user end.',
  tokens: 'API tokens',
  tokensLead:
    'For programs, such as the job that reports finished backups (runs:write). A token is shown once.',
  tokenName: 'Name',
  scopes: 'May',
  scopeWords: {
    read: 'see everything but credentials',
    'runs:write': 'hand over backups, re-upload and cancel, check accounts',
    'config:write': 'change instances and bindings',
    'accounts:write': 'change cloud accounts and their credentials',
    'users:write': 'change users and tokens',
  },
  expires: 'Expires',
  expiresHint: 'Left empty: never.',
  never: 'never',
  lastUsed: 'Last used',
  createdBy: 'Made by',
  addToken: 'Make token',
  deleteToken: 'Delete',
  deleteTokenText: 'Programs that use this token are refused from then on.',
  newToken: 'The new token. Copy it now: it is not shown again.',
  copy: 'Copy',
  copied: 'Copied',
  noTokens: 'There is no token yet.',
  actions: 'Actions',
} as const

export type Health = Readonly<Record<keyof typeof settingsTexts.parts, boolean>>

export type SettingsView = {
  readonly health: Health
  /** How many workers ask for work; null when Temporal does not say. */
  readonly workerCount: number | null
  readonly keyFile: string | null
  readonly versions: readonly (readonly [name: string, version: string])[]
  readonly fingerprints: readonly string[]
  /** Null for those who may not see them. */
  readonly access: { readonly users: readonly User[]; readonly tokens: readonly ApiToken[] } | null
  readonly newToken: string | null
  /** What was typed into a form that was refused, and why. */
  readonly refusedUser: { readonly problem: ApiProblem; readonly values: UserValues } | null
  readonly refusedToken: { readonly problem: ApiProblem; readonly values: TokenValues } | null
}

type UserValues = { readonly username: string; readonly role: string }
type TokenValues = {
  readonly name: string
  readonly scopes: readonly string[]
  /** A day. */
  readonly expires_at: string
}

const NEW_USER: UserValues = { username: '', role: 'viewer' }
const NEW_TOKEN: TokenValues = { name: '', scopes: ['runs:write'], expires_at: '' }

export function settingsPage(view: SettingsView): Markup {
  const t = settingsTexts
  return html`${pageHead({ title: t.title })}
<section data-component="card" aria-labelledby="health-title"><h2 id="health-title">${t.health}</h2><dl data-component="facts">${partsOf(view)}</dl></section>
${keyCard(view)}
${view.access === null ? null : html`${userCard(view.access.users, view.refusedUser)}${tokenCard(view, view.access.tokens)}`}
<section data-component="card" aria-labelledby="versions-title"><h2 id="versions-title">${t.versions}</h2><dl data-component="facts">${view.versions.map(([name, version]) => html`<div><dt>${name}</dt><dd>${version}</dd></div>`)}</dl></section>`
}

function partsOf({ health, workerCount }: SettingsView): Part {
  const t = settingsTexts
  return Object.entries(health).map(([part, works]) => {
    const isCounted = part === 'workers' && workerCount !== null
    const look = works
      ? ({
          label: isCounted ? `${workerCount} ${t.atWork}` : t.works,
          icon: 'check',
          kind: 'success',
        } as const)
      : ({ label: t.away, icon: 'cross', kind: 'danger' } as const)
    return html`<div><dt>${labelOf(part)}</dt><dd>${pill(look)}</dd></div>`
  })
}

function labelOf(part: string): string {
  const labels: Readonly<Record<string, string>> = settingsTexts.parts
  return labels[part] ?? part
}

function keyCard({ fingerprints: [sealing, ...others], keyFile }: SettingsView): Markup {
  const t = settingsTexts
  const file = keyFile === null ? null : html` <code>${keyFile}</code>`
  return html`<section data-component="card" aria-labelledby="key-title"><h2 id="key-title">${t.key}</h2><div data-component="stack">
<dl data-component="facts"><div><dt>${t.fingerprint}</dt><dd><code>${sealing ?? '—'}</code></dd></div>${others.length === 0 ? null : html`<div><dt>${t.otherKeys}</dt><dd><code>${others.join(', ')}</code></dd></div>`}</dl>
${messageBox({ kind: 'warning', text: html`${t.backup}${file} ${t.backupWhy}` })}</div></section>`
}

function userCard(users: readonly User[], refused: SettingsView['refusedUser']): Markup {
  const t = settingsTexts
  const { problem = null, values = NEW_USER } = refused ?? {}
  const roles = USER_ROLES.map((role) => ({ value: role, label: t.roles[role] }))
  return html`<section data-component="card" aria-labelledby="users-title"><h2 id="users-title">${t.users}</h2><div data-component="stack">
<table data-cards role="table"><thead role="rowgroup"><tr role="row">${[t.username, t.role, t.lastLogin, t.actions].map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead><tbody role="rowgroup">${users.map(
    ({ id, username, role, last_login_at, must_change_password }) =>
      html`<tr role="row"><th role="rowheader" scope="row">${username}${must_change_password ? html`<div data-component="small">${t.mustChange}</div>` : null}</th>
<td role="cell"><form method="post" action="/settings/users/${id}" data-component="cluster"><select name="role" aria-label="${t.role}: ${username}" data-inline>${roles.map((one) => html`<option value="${one.value}" ${one.value === role ? html`selected` : null}>${one.label}</option>`)}</select><button data-component="plain-button">${t.changeRole}</button></form></td>
<td role="cell" data-label="${t.lastLogin}">${timeOrDash(last_login_at, 'ago')}</td><td role="cell">${actionButton({ action: `/settings/users/${id}/delete`, label: t.deleteUser, kind: 'danger', isPlain: true, confirm: `Delete ${username}? ${t.deleteUserText}` })}</td></tr>`,
  )}</tbody></table>
<details id="add-user" ${problem === null ? null : html`open`}><summary>${t.addUser}</summary><form data-component="form" method="post" action="/settings/users">
${general(problem)}
${inputField({ name: 'username', label: t.username, value: values.username, isRequired: true, autocomplete: 'off', fault: faultOf(problem, 'username') })}
${selectField({ name: 'role', label: t.role, value: values.role, choices: roles, fault: faultOf(problem, 'role') })}
${inputField({ name: 'password', label: t.firstPassword, type: 'password', isRequired: true, autocomplete: 'new-password', hint: t.firstPasswordHint, fault: faultOf(problem, 'password') })}
<div><button data-component="button" data-kind="primary">${t.addUser}</button></div></form></details></div></section>`
}

function tokenCard({ newToken, refusedToken }: SettingsView, tokens: readonly ApiToken[]): Markup {
  const t = settingsTexts
  const { problem = null, values = NEW_TOKEN } = refusedToken ?? {}
  const scopeFault = faultOf(problem, 'scopes')
  return html`<section data-component="card" aria-labelledby="tokens-title" id="tokens"><h2 id="tokens-title">${t.tokens}</h2><div data-component="stack"><p data-component="muted">${t.tokensLead}</p>
${newToken === null ? null : messageBox({ kind: 'success', text: html`${t.newToken}<div data-component="cluster"><code id="new-token">${newToken}</code><button type="button" data-component="button" data-copy="new-token" data-done="${t.copied}">${t.copy}</button></div>` })}
${
  tokens.length === 0
    ? html`<p>${t.noTokens}</p>`
    : html`<table data-cards role="table"><thead role="rowgroup"><tr role="row">${[t.tokenName, t.scopes, t.createdBy, t.lastUsed, t.expires, t.actions].map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead><tbody role="rowgroup">${tokens.map(
        (one) =>
          html`<tr role="row"><th role="rowheader" scope="row">${one.name}</th><td role="cell">${one.scopes.join(', ')}</td><td role="cell" data-label="${t.createdBy}">${one.created_by}</td><td role="cell" data-label="${t.lastUsed}">${timeOrDash(one.last_used_at, 'ago')}</td><td role="cell" data-label="${t.expires}">${one.expires_at === null ? t.never : timeTag(one.expires_at)}</td><td role="cell">${actionButton({ action: `/settings/tokens/${one.id}/delete`, label: t.deleteToken, kind: 'danger', isPlain: true, confirm: `Delete ${one.name}? ${t.deleteTokenText}` })}</td></tr>`,
      )}</tbody></table>`
}
<details id="add-token" ${problem === null ? null : html`open`}><summary>${t.addToken}</summary><form data-component="form" method="post" action="/settings/tokens">
${general(problem)}
${inputField({ name: 'name', label: t.tokenName, value: values.name, isRequired: true, placeholder: 'nightly backups', autocomplete: 'off', fault: faultOf(problem, 'name') })}
<fieldset><legend>${t.scopes}</legend>${PERMISSIONS.map((scope) => checkbox({ name: 'scopes', id: `scope-${scope.replace(':', '-')}`, value: scope, label: html`${t.scopeWords[scope]} <code>${scope}</code>`, isOn: values.scopes.includes(scope) }))}</fieldset>
${scopeFault === null ? null : html`<div data-component="field-error" id="scopes-fault">${asSentence(scopeFault)}</div>`}
${inputField({ name: 'expires_at', label: t.expires, type: 'date', value: values.expires_at, hint: t.expiresHint, fault: faultOf(problem, 'expires_at') })}
<div><button data-component="button" data-kind="primary">${t.addToken}</button></div></form></details></div></section>`
}

function general(problem: ApiProblem | null): Markup | null {
  return problem === null || problem.errors.length > 0
    ? null
    : messageBox({ kind: 'danger', text: problem.detail })
}
