// A cloud account as a card: whether it works, by its last check or a later upload, the space that is left, and what is bound
// to it.

import type { AccountCheckOutcome } from '../../../db/schema.ts'
import type { AccountView } from '../../../db/views/accounts.ts'
import type { ProviderKind } from '../../../workflows/types.ts'
import { askedExplanation, explanation } from '../../ui/explanation.ts'
import { bytes, percent, plural } from '../../ui/formats.ts'
import { messageBox } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { DESTINATION_LOOKS, PROVIDER_NAMES, pill, providerTag } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'

const texts = {
  edit: 'Edit',
  check: 'Check now',
  testing: 'The provider is being asked…',
  never: 'Not checked yet',
  changed: 'Not checked since the change',
  ok: 'works',
  bad: 'does not work',
  checked: 'Checked',
  uploaded: 'last upload',
  uploadedSince: 'The last check failed; the upload after it worked,',
  space: 'Space',
  used: 'used',
  unlimited: 'used, no limit known',
  noBinding: 'not bound to an instance',
  paused: 'Uploads are paused until',
  reenter: 'The key file does not open these credentials any more. Enter them again to go on.',
} as const

export type AccountCardView = {
  readonly account: AccountView
  /** When the last whole copy arrived; null when there is none. */
  readonly lastUpload: string | null
  readonly mayCheck: boolean
  readonly mayWrite: boolean
  /** On the account's own page, which already shows its name. */
  readonly isOwnPage: boolean
  /** Why the check could not be made. */
  readonly notice?: string
}

export function accountCard(view: AccountCardView): Markup {
  const { account, isOwnPage } = view
  const { id, name, provider, credentials_hint, binding_count, paused_until } = account
  const check = currentCheck(account)
  const provenAt = provenSince(view)
  const title = isOwnPage
    ? null
    : html`<div data-component="stack"><h2><a href="/cloud/${id}">${name}</a></h2>${tagBeside(name, provider)}</div>`
  const state = check === null ? null : checkPill(check.outcome.ok || provenAt !== null)
  const error = provenAt === null ? (check?.outcome.error ?? null) : null
  return html`<article data-component="card" id="account-${id}" ${isOwnPage ? html`aria-label="${name}"` : null}>
<header data-component="card-head">${title}${state}</header>
<div data-component="stack">
${credentials_hint === null ? null : html`<p data-component="small"><code>${credentials_hint}</code></p>`}
${account.needs_credentials ? messageBox({ kind: 'danger', text: texts.reenter }) : null}
${paused_until === null ? null : messageBox({ kind: 'warning', text: html`${texts.paused} ${timeTag(paused_until)}. ${account.paused_reason}` })}
${view.notice === undefined ? null : messageBox({ kind: 'danger', text: view.notice })}
${error === null ? null : checkFault(error)}
${provenAt === null ? null : html`<p data-component="small">${texts.uploadedSince} ${timeTag(provenAt, 'ago')}.</p>`}
${check?.outcome.space == null ? null : spaceLine(check.outcome.space)}
<div data-component="cluster"><span>${binding_count === 0 ? texts.noBinding : plural(binding_count, 'binding')}</span><span data-component="small">${lastLooks(view)}</span></div>
<div data-component="cluster">${actions(view)}</div>
</div></article>`
}

/** The last check, unless the account was changed after it: its result may no longer hold. */
function currentCheck({ check, updated_at }: AccountView): AccountView['check'] {
  return check === null || Date.parse(check.checked_at) < Date.parse(updated_at) ? null : check
}

/** When an upload after a failed check showed that the account works. */
function provenSince({ account, lastUpload }: AccountCardView): string | null {
  const check = currentCheck(account)
  if (check === null || check.outcome.ok || lastUpload === null) return null
  return Date.parse(lastUpload) > Date.parse(check.checked_at) ? lastUpload : null
}

function lastLooks({ account, lastUpload }: AccountCardView): Part {
  const check = currentCheck(account)
  const looked =
    check !== null
      ? html`${texts.checked} ${timeTag(check.checked_at, 'ago')}`
      : account.check === null
        ? texts.never
        : texts.changed
  return html`${looked}${lastUpload === null ? null : html` · ${texts.uploaded} ${timeTag(lastUpload, 'ago')}`}`
}

function actions({ account, mayCheck, mayWrite, isOwnPage, notice }: AccountCardView): Part {
  const { id } = account
  const path = `/cloud/${id}/check${isOwnPage ? '?own=1' : ''}`
  // A check that cannot be made is not asked for again and again.
  const checksItself = currentCheck(account) === null && notice === undefined
  const check = html`<form method="post" action="${path}" hx-post="${path}" hx-target="#account-${id}" hx-swap="outerHTML" hx-disabled-elt="find button" ${
    checksItself ? html`hx-trigger="load, submit"` : null
  }><button data-component="button">${texts.check}</button> <span data-component="wait">${texts.testing}</span></form>`
  const edit = html`<a data-component="button" href="/cloud/${id}">${texts.edit}</a>`
  return [mayCheck ? check : null, mayWrite && !isOwnPage ? edit : null]
}

/** The provider's name and colour; nothing when the account itself has the provider's name. */
export function tagBeside(name: string, provider: ProviderKind): Markup | null {
  return name.trim().toLowerCase() === PROVIDER_NAMES[provider].toLowerCase() ? null : providerTag(provider)
}

function checkPill(works: boolean): Markup {
  const look = works ? DESTINATION_LOOKS.uploaded : DESTINATION_LOOKS.failed
  return pill({ ...look, label: works ? texts.ok : texts.bad })
}

function spaceLine({ used, total }: NonNullable<AccountCheckOutcome['space']>): Markup {
  if (total === null) return html`<p>${bytes(used)} ${texts.unlimited}</p>`
  const share = percent(used, total)
  const kind = share >= 95 ? 'danger' : 'none'
  return html`<div data-component="stack"><progress value="${used}" max="${Math.max(total, 1)}" data-kind="${kind}" aria-label="${texts.space}">${share}%</progress><div data-component="progress-line"><span>${bytes(used)} of ${bytes(total)} ${texts.used} (${share}%)</span></div></div>`
}

/** What "Test connection" shows. */
export function checkResult(outcome: AccountCheckOutcome): Markup {
  if (outcome.error !== null) return checkFault(outcome.error)
  const text = html`${outcome.detail}${outcome.space === null ? null : spaceLine(outcome.space)}`
  return messageBox({ kind: outcome.ok ? 'success' : 'danger', text })
}

function checkFault(error: NonNullable<AccountCheckOutcome['error']>): Markup {
  const text = html`${explanation(askedExplanation(error))} <code>${error.code}</code>`
  return messageBox({ kind: 'danger', text })
}
