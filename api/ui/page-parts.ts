// Pieces that several pages share: heads, empty states, pagers, messages after a form.

import type { ApiProblem } from './api-call.ts'
import { faultText } from './fault-text.ts'
import type { IconName } from './icons.ts'
import { icon } from './icons.ts'
import type { Message } from './layout.ts'
import { html, type Markup, type Part } from './markup.ts'

/** The heading of a page, with the way back and its actions. */
export function pageHead(head: {
  readonly title: Part
  readonly lead?: Part
  readonly back?: { readonly href: string; readonly label: string }
  readonly actions?: Part
}): Markup {
  const { title, lead = null, back, actions = null } = head
  return html`<div data-component="page-head"><div>${
    back === undefined ? null : html`<a data-component="back" href="${back.href}">← ${back.label}</a>`
  }<h1>${title}</h1>${lead === null ? null : html`<p>${lead}</p>`}</div>${
    actions === null ? null : html`<div data-component="cluster">${actions}</div>`
  }</div>`
}

/** Shown in place of an empty list. */
export function emptyState(empty: {
  readonly icon: IconName
  readonly title: string
  readonly text: Part
  readonly action?: Part
}): Markup {
  return html`<div data-component="empty">${icon(empty.icon)}<strong>${empty.title}</strong><p>${empty.text}</p>${
    empty.action === undefined ? null : html`<div data-component="cluster">${empty.action}</div>`
  }</div>`
}

/** Pages by cursor: they know the next page, and one step leads back to the first. */
export function pager(view: {
  readonly path: string
  readonly query: URLSearchParams
  readonly nextCursor: string | null
  readonly newest: string
  readonly older: string
}): Markup | null {
  const { path, query, nextCursor } = view
  const isFirst = !query.has('cursor')
  if (isFirst && nextCursor === null) return null
  return html`<nav data-component="pager" aria-label="Pages">${
    isFirst
      ? html`<span></span>`
      : html`<a data-component="button" href="${addressOf(path, query, { cursor: null })}">← ${view.newest}</a>`
  }${
    nextCursor === null
      ? html`<span></span>`
      : html`<a data-component="button" rel="next" href="${addressOf(path, query, { cursor: nextCursor })}">${view.older} →</a>`
  }</nav>`
}

/** The address with parts of its query changed; null removes a part. */
export function addressOf(
  path: string,
  query: URLSearchParams,
  change: Readonly<Record<string, string | null>>,
): string {
  const next = new URLSearchParams([...query].filter(([, value]) => value !== ''))
  for (const [name, value] of Object.entries(change)) {
    if (value === null) next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  return text === '' ? path : `${path}?${text}`
}

const DONE: Readonly<Record<string, string>> = {
  password: 'The password is changed.',
  reupload: 'The upload goes on. This page shows how it proceeds.',
  cancel: 'The cancellation is on its way to the workers.',
  retry: 'The next attempt begins now.',
  account_created: 'The account is saved. Bind it to an instance to upload there.',
  account_updated: 'The account is changed.',
  account_deleted: 'The account is deleted.',
  instance_created: 'The instance is added. Bind a cloud account to it next.',
  instance_updated: 'The instance is changed.',
  instance_deleted: 'The instance is deleted.',
  binding_created: 'The cloud account is bound. The next backup is uploaded there.',
  binding_updated: 'The binding is changed.',
  binding_deleted: 'The binding is deleted. The files at the destination stay.',
  user_created: 'The user is added, and has to change the password at the first login.',
  user_updated: 'The user is changed.',
  user_deleted: 'The user is deleted.',
  token_deleted: 'The token is deleted and not accepted any more.',
}

/** The API's reason for refusing a form. */
export function refusal(problem: ApiProblem): Message {
  return { kind: 'danger', text: faultText(problem) }
}

/** The message after a redirect. The address only names it, so that no link can make a page show a text of its own. */
export function doneMessage(name: string | undefined): Message | null {
  const text = name === undefined || !Object.hasOwn(DONE, name) ? undefined : DONE[name]
  return text === undefined ? null : { kind: 'success', text }
}
