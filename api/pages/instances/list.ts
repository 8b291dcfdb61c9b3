// The list of instances, which shows for each whether its newest backup is off-site.

import type { Page } from '../../../db/page.ts'
import type { InstanceView, Safety } from '../../../db/views/instances.ts'
import { bytes } from '../../ui/formats.ts'
import { inputField } from '../../ui/forms.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { emptyState, pageHead, pager } from '../../ui/page-parts.ts'
import { pill } from '../../ui/status-words.ts'
import { timeOrDash } from '../../ui/time-tag.ts'

export const SAFETY_LOOKS = {
  safe: { label: 'safe', icon: 'check', kind: 'success' },
  in_progress: { label: 'uploading', icon: 'retry', kind: 'none' },
  unsafe: { label: 'not safe', icon: 'cross', kind: 'danger' },
  unbound: { label: 'no binding', icon: 'warn', kind: 'warning' },
  no_backup: { label: 'no backup yet', icon: 'dash', kind: 'none' },
} as const satisfies Record<Safety, object>

export const instanceListTexts = {
  title: 'Instances',
  lead: 'The Odoo instances whose backups are uploaded. Safe means: the newest backup has at least one verified copy.',
  search: 'Search',
  filter: 'Filter',
  columns: {
    name: 'Name',
    slug: 'Slug',
    state: 'State',
    newest: 'Newest backup',
    copy: 'Newest safe backup',
    size: 'Size',
    bindings: 'Bindings',
  },
  add: '+ Add Instance',
  addTitle: 'Add Instance',
  addLead:
    'Your backup job names the instance by its slug. Folders at the destinations are named after it as well, so it stays.',
  slugHint: 'Lower-case letters, digits, “-” and “_”, such as acme-prod.',
  nameHint: 'As people call it. Left empty: the slug.',
  create: 'Create Instance',
  empty: 'No instances yet',
  emptyText: 'Add the first one, then bind a cloud account to it.',
  nothing: 'No instance matches',
  first: 'First',
  more: 'More',
} as const

type Values = { readonly slug: string; readonly name: string }
type Faults = { readonly slug: string | null; readonly name: string | null }

export function instanceList(view: {
  readonly page: Page<InstanceView>
  readonly query: URLSearchParams
  readonly mayWrite: boolean
}): Markup {
  const t = instanceListTexts
  const { query, mayWrite } = view
  const add = html`<a data-component="button" data-kind="primary" href="/instances/new">${t.add}</a>`
  return html`${pageHead({ title: t.title, lead: t.lead, actions: mayWrite ? add : null })}
<form data-component="filters" role="search" method="get" action="/instances" hx-get="/instances" hx-target="#instances" hx-swap="outerHTML" hx-push-url="true" hx-trigger="input changed delay:300ms from:#q, submit">${inputField({ name: 'q', label: t.search, type: 'search', value: query.get('q') ?? '', placeholder: `${t.columns.name}, ${t.columns.slug}`, grows: true })}<button data-component="button">${t.filter}</button></form>
${instanceTable({ ...view, add: mayWrite ? add : null })}`
}

export function instanceTable(view: {
  readonly page: Page<InstanceView>
  readonly query: URLSearchParams
  readonly add: Part
}): Markup {
  const t = instanceListTexts
  const c = t.columns
  const { page, query, add } = view
  const isFiltered = (query.get('q') ?? '') !== ''
  const content =
    page.items.length === 0
      ? emptyState({
          icon: 'instance',
          title: isFiltered ? t.nothing : t.empty,
          text: isFiltered ? '' : t.emptyText,
          ...(isFiltered ? {} : { action: add }),
        })
      : html`<table data-cards role="table"><thead role="rowgroup"><tr role="row">${[c.name, c.slug, c.state, c.newest, c.copy].map((name) => html`<th role="columnheader">${name}</th>`)}<th role="columnheader" data-align="end">${c.size}</th><th role="columnheader" data-align="end">${c.bindings}</th></tr></thead><tbody role="rowgroup">${page.items.map(row)}</tbody></table>`
  return html`<div id="instances" data-component="card" data-flush>${content}${pager({ path: '/instances', query, nextCursor: page.next_cursor, newest: t.first, older: t.more })}</div>`
}

function row(one: InstanceView): Markup {
  const c = instanceListTexts.columns
  const { slug, name, safety, newest_at, last_safe_at, newest_size, binding_count } = one
  return html`<tr role="row" data-opens><th role="rowheader" scope="row"><a data-cover href="/instances/${slug}">${name}</a></th><td role="cell"><code>${slug}</code></td><td role="cell" data-corner>${pill(SAFETY_LOOKS[safety])}</td>
<td role="cell" data-label="${c.newest}" ${newest_at === null ? html`data-empty` : null}>${timeOrDash(newest_at, 'ago')}</td><td role="cell" data-label="${c.copy}" ${last_safe_at === null ? html`data-empty` : null}>${timeOrDash(last_safe_at, 'ago')}</td>
<td role="cell" data-align="end" data-label="${c.size}" ${newest_size === null ? html`data-empty` : null}>${newest_size === null ? '—' : bytes(newest_size)}</td><td role="cell" data-align="end" data-label="${c.bindings}">${binding_count}</td></tr>`
}

export function newInstancePage(values: Values, faults: Faults): Markup {
  const t = instanceListTexts
  return html`${pageHead({ title: t.addTitle, lead: t.addLead, back: { href: '/instances', label: t.title } })}
<div data-component="card"><form data-component="form" method="post" action="/instances/new">
${inputField({ name: 'slug', label: t.columns.slug, value: values.slug, hint: t.slugHint, isRequired: true, fault: faults.slug, attributes: html`autocapitalize="none"` })}
${inputField({ name: 'name', label: t.columns.name, value: values.name, hint: t.nameHint, fault: faults.name })}
<div><button data-component="button" data-kind="primary">${t.create}</button></div>
</form></div>`
}
