// Cloud accounts: the list, and the pages to add, change and try one.

import type { Account } from '../../../db/accounts/accounts.ts'
import type { Page } from '../../../db/page.ts'
import type { AccountView } from '../../../db/views/accounts.ts'
import type { BindingView } from '../../../db/views/bindings.ts'
import { PROVIDER_KINDS, type ProviderKind } from '../../../workflows/types.ts'
import type { ApiProblem } from '../../ui/api-call.ts'
import { faultText } from '../../ui/fault-text.ts'
import { actionButton } from '../../ui/forms.ts'
import { messageBox } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { emptyState, pageHead, pager } from '../../ui/page-parts.ts'
import { PROVIDER_NAMES, providerTag } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'
import { type AccountCardView, accountCard, tagBeside } from './card.ts'
import { type AccountFormView, accountFields } from './form.ts'

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
  bindings: 'Bindings',
  test: 'Test connection',
  testing: 'The provider is being asked…',
  refused: 'Not saved: see the fields that are marked.',
  save: 'Save Account',
  saveChanges: 'Save Changes',
  back: 'Cloud accounts',
  danger: 'Delete account',
  deleteText: 'The history of its uploads stays, and so do the files at the provider.',
  deleteBound: 'It is bound to instances: delete those bindings first.',
  delete: 'Delete',
  next: 'Newer',
  more: 'More',
  lastCopy: 'Last copy',
} as const

export function accountList(view: {
  readonly page: Page<AccountView>
  readonly uploads: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  readonly mayWrite: boolean
  readonly mayCheck: boolean
}): Markup {
  const t = accountTexts
  const { page, uploads, query, mayWrite, mayCheck } = view
  const add = html`<a data-component="button" data-kind="primary" href="/cloud/new">${t.add}</a>`
  const card = (account: AccountView) =>
    accountCard({
      account,
      lastUpload: uploads.get(account.id) ?? null,
      mayWrite,
      mayCheck,
      isOwnPage: false,
    })
  const list =
    page.items.length === 0
      ? html`<div data-component="card">${emptyState({ icon: 'cloud', title: t.empty, text: t.emptyText, ...(mayWrite ? { action: add } : {}) })}</div>`
      : html`<ul role="list" data-component="cards">${page.items.map((account) => html`<li>${card(account)}</li>`)}</ul>`
  const pages = pager({ path: '/cloud', query, nextCursor: page.next_cursor, newest: t.next, older: t.more })
  return html`${pageHead({ title: t.title, lead: t.lead, actions: mayWrite && page.items.length > 0 ? add : null })}${list}${pages}`
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
  const back = { href: '/cloud/new', label: t.addTitle }
  return html`${pageHead({ title: `${t.addTitle}: ${PROVIDER_NAMES[form.provider]}`, back })}
${accountForm({ form, accountId: null, check })}`
}

type AccountPageView = Omit<AccountCardView, 'isOwnPage'> & {
  readonly form: AccountFormView
  readonly bindings: readonly BindingView[]
  readonly check?: Part
}

export function accountPage(view: AccountPageView): Markup {
  const t = accountTexts
  const { account, form, bindings, mayWrite, check = null } = view
  const { id, name, provider } = account
  return html`${pageHead({ title: name, lead: tagBeside(name, provider), back: { href: '/cloud', label: t.back } })}
${accountCard({ ...view, isOwnPage: true })}
${bindings.length === 0 ? null : boundInstances(bindings)}
${mayWrite ? accountForm({ form, accountId: id, check }) : null}
${mayWrite ? deletion(account) : null}`
}

function deletion({ id, name, binding_count }: AccountView): Markup {
  const t = accountTexts
  const isBound = binding_count > 0
  const button = actionButton({
    action: `/cloud/${id}/delete`,
    label: t.delete,
    kind: 'danger',
    isDisabled: isBound,
    confirm: `Delete ${name}? ${t.deleteText}`,
  })
  return html`<section data-component="card"><h2>${t.danger}</h2><div data-component="stack"><p data-component="muted">${isBound ? t.deleteBound : t.deleteText}</p>${button}</div></section>`
}

/** With JavaScript htmx sends it: only the form is renewed, and what was typed stays. */
export function accountForm(options: {
  readonly form: AccountFormView
  /** Null for a new one. */
  readonly accountId: string | null
  readonly check: Part
}): Markup {
  const t = accountTexts
  const { form, accountId, check } = options
  const action = accountId === null ? `/cloud/new?provider=${form.provider}` : `/cloud/${accountId}`
  const submit = accountId === null ? t.save : t.saveChanges
  const test = `/cloud/test?provider=${form.provider}${accountId === null ? '' : `&account=${accountId}`}`
  return html`<form id="account-form" data-component="card" method="post" action="${action}" hx-post="${action}" hx-target="this" hx-swap="outerHTML" hx-disabled-elt="#account-save" autocomplete="off">
${form.problem === null ? null : messageBox({ kind: 'danger', text: summary(form.problem, form.provider) })}
${accountFields(form)}
<div id="check-result" role="status" aria-live="polite">${check}</div>
<div data-component="cluster"><button id="account-save" data-component="button" data-kind="primary">${submit}</button>
<button id="account-test" data-component="button" formaction="${test}" formnovalidate hx-post="${test}" hx-target="#check-result" hx-swap="innerHTML" hx-disabled-elt="this" hx-indicator="#check-wait">${t.test}</button><span id="check-wait" data-component="wait">${t.testing}</span></div>
</form>`
}

/** Faults are shown at their fields. Those that belong to no field are shown here in full. */
function summary(problem: ApiProblem, provider: ProviderKind): string {
  const { errors } = problem
  const hasField = (path: string) =>
    FIELD_PATH.test(path) || (provider === 'dropbox' && path === 'credentials')
  const isAtFields = errors.length > 0 && errors.every(({ path }) => hasField(path))
  return isAtFields ? accountTexts.refused : faultText(problem)
}

const FIELD_PATH = /^(name$|credentials\.|settings\.(folder_id|subject|drive|remote_path)\b)/

function boundInstances(bindings: readonly BindingView[]): Markup {
  const t = accountTexts
  return html`<section data-component="card" data-flush aria-labelledby="bound-title"><h2 id="bound-title" data-component="section-title">${t.bindings}</h2>
<table data-cards role="table"><tbody role="rowgroup">${bindings.map(
    (one) =>
      html`<tr role="row"><th role="rowheader" scope="row"><a href="/instances/${one.instance_slug}">${one.instance_slug}</a></th><td role="cell"><code>${one.remote_path}</code></td><td role="cell" data-label="${t.lastCopy}">${one.last_copy_at === null ? '—' : timeTag(one.last_copy_at, 'ago')}</td></tr>`,
  )}</tbody></table></section>`
}

/** The values of a saved account in its form. */
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
