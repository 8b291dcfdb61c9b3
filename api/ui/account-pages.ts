// Cloud accounts: the list with the last check of each, and the pages to add, change and try one.

import type { AccountView } from '../../db/account-checks.ts'
import type { Account } from '../../db/accounts.ts'
import type { BindingView } from '../../db/binding-views.ts'
import type { Page } from '../../db/page.ts'
import type { AccountCheckOutcome } from '../../db/schema.ts'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { type AccountFormView, accountFields } from './account-form.ts'
import { faultBox } from './destination-card.ts'
import { bytes, percent, plural } from './formats.ts'
import { actionButton } from './forms.ts'
import { messageBox } from './layout.ts'
import { html, type Markup, type Part } from './markup.ts'
import { emptyState, pageHead, pager } from './page-parts.ts'
import { DESTINATION_LOOKS, PROVIDER_NAMES, pill, providerTag } from './status-words.ts'
import { timeTag } from './time-tag.ts'

export const accountTexts = {
  title: 'Cloud accounts',
  lead: 'Connect cloud storage accounts here, then bind them to individual instances on each Instance Detail page.',
  add: '+ Add Cloud Account',
  addTitle: 'Add Cloud Account',
  chooseLead: 'Where should copies of the backups go?',
  choose: {
    google_drive: 'A folder of a shared drive, by a service account.',
    dropbox: 'The folder of an app of yours.',
    onedrive: 'OneDrive for Business or SharePoint, by an app registration.',
  },
  empty: 'No cloud accounts configured',
  emptyText: 'Add one to start syncing backups to the cloud.',
  edit: 'Edit',
  check: 'Check now',
  never: 'Not checked yet',
  ok: 'works',
  bad: 'does not work',
  checked: 'Checked',
  space: 'Space',
  used: 'used',
  unlimited: 'used, no limit known',
  bindings: 'Bindings',
  noBinding: 'not bound to an instance',
  paused: 'Uploads are paused until',
  reenter: 'The key file does not open these credentials any more. Enter them again to go on.',
  test: 'Test connection',
  enterFirst: 'Enter the credentials that are to be tried. The stored ones are tried by “Check now”.',
  testing: 'The provider is being asked…',
  save: 'Save Account',
  saveChanges: 'Save Changes',
  back: 'Cloud accounts',
  danger: 'Delete account',
  deleteText: 'Its history stays. An account with bindings cannot be deleted: delete those first.',
  delete: 'Delete',
  deleteQuestion: 'Delete this cloud account?',
  credentials: 'Credentials',
  next: 'Newer',
  more: 'More',
  lastCopy: 'Last copy',
} as const

export function accountList(view: {
  readonly page: Page<AccountView>
  readonly query: URLSearchParams
  readonly mayWrite: boolean
  readonly mayCheck: boolean
}): Markup {
  const t = accountTexts
  const { page, query, mayWrite, mayCheck } = view
  const add = html`<a data-component="button" data-kind="primary" href="/cloud/new">${t.add}</a>`
  const list =
    page.items.length === 0
      ? html`<div data-component="card">${emptyState({ icon: 'cloud', title: t.empty, text: t.emptyText, ...(mayWrite ? { action: add } : {}) })}</div>`
      : html`<ul role="list" data-component="cards">${page.items.map((account) => html`<li>${accountCard(account, { mayWrite, mayCheck })}</li>`)}</ul>`
  const pages = pager({ path: '/cloud', query, nextCursor: page.next_cursor, newest: t.next, older: t.more })
  return html`${pageHead({ title: t.title, lead: t.lead, actions: mayWrite && page.items.length > 0 ? add : null })}${list}${pages}`
}

export function accountCard(
  account: AccountView,
  { mayWrite, mayCheck }: { readonly mayWrite: boolean; readonly mayCheck: boolean },
): Markup {
  const t = accountTexts
  const { id, name, provider, check, binding_count, credentials_hint } = account
  return html`<article data-component="card" id="account-${id}">
<header data-component="card-head"><div data-component="stack"><h2><a href="/cloud/${id}">${name}</a></h2>${providerTag(provider)}</div>${check === null ? null : checkPill(check.outcome)}</header>
<div data-component="stack">
${credentials_hint === null ? null : html`<p data-component="small"><code>${credentials_hint}</code></p>`}
${account.needs_credentials ? messageBox({ kind: 'danger', text: t.reenter }) : null}
${account.paused_until === null ? null : messageBox({ kind: 'warning', text: html`${t.paused} ${timeTag(account.paused_until)}. ${account.paused_reason}` })}
${check?.outcome.error == null ? null : faultBox({ ...check.outcome.error, code: check.outcome.error.code, retryable: false }, 'danger')}
${check?.outcome.space == null ? null : spaceLine(check.outcome.space)}
<div data-component="cluster"><span>${binding_count === 0 ? t.noBinding : plural(binding_count, 'binding')}</span><span data-component="small">${check === null ? t.never : html`${t.checked} ${timeTag(check.checked_at, 'ago')}`}</span></div>
<div data-component="cluster">${
    mayCheck
      ? html`<form method="post" action="/cloud/${id}/check" hx-post="/cloud/${id}/check" hx-target="#account-${id}" hx-swap="outerHTML" hx-disabled-elt="find button" ${check === null ? html`hx-trigger="load, submit"` : null}><button data-component="button">${t.check}</button> <span data-component="wait">${t.testing}</span></form>`
      : null
  }${mayWrite ? html`<a data-component="button" href="/cloud/${id}">${t.edit}</a>` : null}</div>
</div></article>`
}

export function checkPill({ ok }: AccountCheckOutcome): Markup {
  const look = ok ? DESTINATION_LOOKS.uploaded : DESTINATION_LOOKS.failed
  return pill({ ...look, label: ok ? accountTexts.ok : accountTexts.bad })
}

function spaceLine({ used, total }: NonNullable<AccountCheckOutcome['space']>): Markup {
  const t = accountTexts
  if (total === null) return html`<p>${bytes(used)} ${t.unlimited}</p>`
  const share = percent(used, total)
  const kind = share >= 95 ? 'danger' : 'none'
  return html`<div data-component="stack"><progress value="${used}" max="${Math.max(total, 1)}" data-kind="${kind}" aria-label="${t.space}">${share}%</progress><div data-component="progress-line"><span>${bytes(used)} of ${bytes(total)} ${t.used} (${share}%)</span></div></div>`
}

export function providerChoice(): Markup {
  const t = accountTexts
  return html`${pageHead({ title: t.addTitle, lead: t.chooseLead, back: { href: '/cloud', label: t.back } })}
<ul role="list" data-component="cards">${PROVIDER_KINDS.map(
    (kind) =>
      html`<li><a data-component="choice-card" href="/cloud/new?provider=${kind}">${providerTag(kind)}<span>${t.choose[kind]}</span></a></li>`,
  )}</ul>`
}

export function newAccountPage(form: AccountFormView, check: Part = null): Markup {
  const t = accountTexts
  const { provider } = form
  const back = { href: '/cloud/new', label: t.addTitle }
  return html`${pageHead({ title: `${t.addTitle}: ${PROVIDER_NAMES[provider]}`, back })}
${accountForm({ form, action: `/cloud/new?provider=${provider}`, submit: t.save, check })}`
}

export type AccountPageView = {
  readonly account: AccountView
  readonly form: AccountFormView
  readonly bindings: readonly BindingView[]
  readonly mayWrite: boolean
  readonly mayCheck: boolean
  readonly check?: Part
}

export function accountPage({
  account,
  form,
  bindings,
  mayWrite,
  mayCheck,
  check = null,
}: AccountPageView): Markup {
  const t = accountTexts
  const path = `/cloud/${account.id}`
  return html`${pageHead({ title: account.name, lead: providerTag(account.provider), back: { href: '/cloud', label: t.back } })}
${accountCard(account, { mayWrite: false, mayCheck })}
${bindings.length === 0 ? null : boundInstances(bindings)}
${mayWrite ? accountForm({ form, action: path, submit: t.saveChanges, check, accountId: account.id }) : null}
${
  mayWrite
    ? html`<section data-component="card"><h2>${t.danger}</h2><div data-component="stack"><p data-component="muted">${t.deleteText}</p>${actionButton({ action: `${path}/delete`, label: t.delete, kind: 'danger', confirm: t.deleteQuestion })}</div></section>`
    : null
}`
}

function accountForm(options: {
  readonly form: AccountFormView
  readonly action: string
  readonly submit: string
  readonly check: Part
  /** Of an account that exists. */
  readonly accountId?: string
}): Markup {
  const t = accountTexts
  const { form, action, submit, check, accountId } = options
  const test = `/cloud/test?provider=${form.provider}${accountId === undefined ? '' : `&account=${accountId}`}`
  const general = form.problem !== null && form.problem.errors.length === 0 ? form.problem.detail : null
  return html`<form data-component="card" method="post" action="${action}" autocomplete="off">
${general === null ? null : messageBox({ kind: 'danger', text: general })}
${accountFields(form)}
<div id="check-result" role="status" aria-live="polite">${check}</div>
<div data-component="cluster"><button data-component="button" data-kind="primary">${submit}</button>
<button data-component="button" formaction="${test}" hx-post="${test}" hx-target="#check-result" hx-disabled-elt="this" hx-indicator="#check-wait">${t.test}</button><span id="check-wait" data-component="wait">${t.testing}</span></div>
</form>`
}

/** What "Test connection" shows. */
export function checkResult(outcome: AccountCheckOutcome): Markup {
  if (outcome.error !== null) return faultBox({ ...outcome.error, retryable: false }, 'danger')
  const text = html`${outcome.detail}${outcome.space === null ? null : spaceLine(outcome.space)}`
  return messageBox({ kind: outcome.ok ? 'success' : 'danger', text })
}

function boundInstances(bindings: readonly BindingView[]): Markup {
  const t = accountTexts
  return html`<section data-component="card" data-flush aria-labelledby="bound-title"><h2 id="bound-title" data-component="section-title">${t.bindings}</h2>
<table data-cards role="table"><tbody role="rowgroup">${bindings.map(
    (one) =>
      html`<tr role="row"><th role="rowheader" scope="row"><a href="/instances/${one.instance_slug}">${one.instance_slug}</a></th><td role="cell"><code>${one.remote_path}</code></td><td role="cell" data-label="${t.lastCopy}">${one.last_copy_at === null ? '—' : timeTag(one.last_copy_at, 'ago')}</td></tr>`,
  )}</tbody></table></section>`
}

/** What an account gives back into its form. */
export function formValues({ name, provider, settings }: Account): Readonly<Record<string, string>> {
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  const values = { name, remote_path: text(settings.remote_path) }
  if (provider === 'google_drive') {
    return { ...values, folder_id: text(settings.folder_id), subject: text(settings.subject) }
  }
  if (provider === 'dropbox') return values
  const [kind = 'user', drive = ''] = Object.entries(settings.drive ?? {})[0] ?? []
  return { ...values, drive_kind: kind, drive: text(drive) }
}
