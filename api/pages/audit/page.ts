// Audit: who did what, and what the program did by itself. It can be searched and never changed.

import { AUDIT_EVENTS } from '../../../db/audit.ts'
import type { Page } from '../../../db/page.ts'
import type { AuditEntry } from '../../../db/schema.ts'
import { inputField, selectField } from '../../ui/forms.ts'
import { html, type Markup } from '../../ui/markup.ts'
import { emptyState, pageHead, pager } from '../../ui/page-parts.ts'
import { auditTable, eventName } from './table.ts'

export const auditTexts = {
  title: 'Audit',
  lead: 'Who did what, and what the program did by itself, newest first. The database refuses every change of it.',
  search: 'Search',
  searchHint: 'File, run, cloud account, user…',
  instance: 'Instance',
  event: 'What',
  anyEvent: 'Anything',
  actor: 'Who',
  actorHint: 'user:admin',
  filter: 'Filter',
  clear: 'Clear',
  empty: 'Nothing yet',
  emptyText: 'Entries appear with the first thing that somebody does.',
  nothing: 'No entry matches',
  newest: 'Newest',
  older: 'Older',
} as const

const FILTERS = ['q', 'instance', 'event', 'actor', 'run_id', 'account_id', 'binding_id'] as const

export function auditPage(page: Page<AuditEntry>, query: URLSearchParams): Markup {
  const t = auditTexts
  const value = (name: string) => query.get(name) ?? ''
  const events = [...AUDIT_EVENTS].sort().map((event) => ({ value: event, label: eventName(event) }))
  return html`${pageHead({ title: t.title, lead: t.lead })}
<form data-component="filters" role="search" method="get" action="/audit" hx-get="/audit" hx-target="#audit" hx-swap="outerHTML" hx-push-url="true" hx-trigger="input delay:400ms, submit">
${inputField({ name: 'q', label: t.search, type: 'search', value: value('q'), placeholder: t.searchHint, grows: true })}
${inputField({ name: 'instance', label: t.instance, value: value('instance') })}
${selectField({ name: 'event', label: t.event, value: value('event'), choices: [{ value: '', label: t.anyEvent }, ...events] })}
${inputField({ name: 'actor', label: t.actor, value: value('actor'), placeholder: t.actorHint })}
<button data-component="button">${t.filter}</button>${isFiltered(query) ? html`<a data-component="button" href="/audit">${t.clear}</a>` : null}
</form>${auditPart(page, query)}`
}

export function auditPart(page: Page<AuditEntry>, query: URLSearchParams): Markup {
  const t = auditTexts
  return html`<div id="audit" data-component="card" data-flush>${
    page.items.length > 0
      ? auditTable(page.items)
      : isFiltered(query)
        ? emptyState({ icon: 'audit', title: t.nothing, text: '' })
        : emptyState({ icon: 'audit', title: t.empty, text: t.emptyText })
  }${pager({ path: '/audit', query, nextCursor: page.next_cursor, newest: t.newest, older: t.older })}</div>`
}

function isFiltered(query: URLSearchParams): boolean {
  return FILTERS.some((name) => (query.get(name) ?? '') !== '')
}
