// Run History: what was backed up, and where the copies are. The server sends each changed row over `/live/runs`, and says which
// rows no longer fit the filters. A row that is missing on the first page makes the browser read the list again.

import type { Account } from '../../../db/accounts/accounts.ts'
import type { Page } from '../../../db/page.ts'
import { runCursorOf } from '../../../db/runs/history.ts'
import type { Run } from '../../../db/schema.ts'
import type { DeletedCopy } from '../../../db/uploads/deleted-copies.ts'
import { CLOUD_STATUSES } from '../../../workflows/types.ts'
import { cloudMarks } from '../../ui/cloud-marks.ts'
import { bytes } from '../../ui/formats.ts'
import { inputField, selectField } from '../../ui/forms.ts'
import { html, type Markup } from '../../ui/markup.ts'
import { addressOf, emptyState } from '../../ui/page-parts.ts'
import { fileName, RUN_LOOKS } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'
import { filtersOf, isFiltered } from './query.ts'

export const runListTexts = {
  title: 'Run History',
  lead: 'Every backup that was handed over, newest first, and how far it is at each destination.',
  search: 'Search',
  searchHint: 'Instance, database, archive, run ID',
  status: 'Status',
  anyStatus: 'Any status',
  account: 'Cloud account',
  anyAccount: 'Any account',
  anyInstance: 'Any instance',
  from: 'From',
  to: 'To',
  filter: 'Filter',
  clear: 'Clear',
  columns: {
    instance: 'Instance',
    database: 'Database',
    archive: 'Archive',
    size: 'Size',
    finished: 'Finished',
    cloud: 'Cloud',
  },
  pages: 'Pages',
  newest: 'Newest',
  newer: 'Newer',
  older: 'Older',
  nothingFound: 'No run matches',
  nothingFoundText: 'Nothing fits all of these filters.',
  empty: 'No backup runs yet',
  emptyText:
    'Add an instance, bind a cloud account to it, and let your backup job hand over each archive: POST /api/runs, or the command below.',
  noneHere: 'Runs appear here as soon as the backup job hands over an archive.',
  emptyAction: 'Set up an instance',
} as const

export type RunListView = {
  readonly page: Page<Run>
  readonly copies: readonly DeletedCopy[]
  readonly query: URLSearchParams
  readonly isFirst: boolean
  readonly accounts: readonly Account[]
  /** Some slugs, as suggestions while typing. */
  readonly instances: readonly string[]
  /** When the page was read. The stream sends what changed since. */
  readonly readAt: string
}

export function runFilters({ query, accounts, instances }: RunListView): Markup {
  const t = runListTexts
  const value = (name: string) => query.get(name) ?? ''
  const statuses = CLOUD_STATUSES.map((status) => ({ value: status, label: RUN_LOOKS[status].label }))
  const day = (name: 'from' | 'to', label: string) =>
    inputField({ name, label, type: 'date', value: value(name).slice(0, 10) })
  return html`<form data-component="filters" role="search" method="get" action="/" hx-get="/" hx-target="#runs" hx-swap="outerHTML" hx-push-url="true" hx-trigger="input changed delay:300ms from:#q, change from:#instance, change from:select, change from:#from, change from:#to, submit">
${inputField({ name: 'q', label: t.search, type: 'search', value: value('q'), placeholder: t.searchHint, grows: true })}
${inputField({ name: 'instance', label: t.columns.instance, value: value('instance'), placeholder: t.anyInstance, list: 'instances', autocomplete: 'off' })}
<datalist id="instances">${instances.map((slug) => html`<option value="${slug}"></option>`)}</datalist>
${selectField({ name: 'status', label: t.status, value: value('status'), choices: [{ value: '', label: t.anyStatus }, ...statuses] })}
${
  accounts.length === 0
    ? null
    : selectField({
        name: 'account',
        label: t.account,
        value: value('account'),
        choices: [
          { value: '', label: t.anyAccount },
          ...accounts.map(({ id, name }) => ({ value: id, label: name })),
        ],
      })
}
<div data-component="range">${day('from', t.from)}${day('to', t.to)}</div>
<input type="hidden" name="zone" value="${value('zone')}" data-zone ${value('zone') === '' ? html`disabled` : null}>
<button data-component="button">${t.filter}</button>
${isFiltered(query) ? html`<a data-component="button" href="/">${t.clear}</a>` : null}
</form>`
}

/** The part that filters and new runs renew. Its stream has the same filters. */
export function runTable({ page, copies, query, isFirst, readAt }: RunListView): Markup {
  const t = runListTexts
  const filters = filtersOf(query)
  const oldest = page.next_cursor === null ? null : (page.items.at(-1)?.created_at ?? null)
  const stream = isFirst
    ? addressOf('/live/runs', filters, { since: readAt, oldest })
    : addressOf('/live/runs', filters, {})
  return html`<section id="runs" aria-label="${t.title}" hx-ext="sse" sse-connect="${stream}" sse-swap="${ROW_EVENT}" ${isFirst ? html`data-grows` : null} hx-get="${addressOf('/', query, {})}" hx-trigger="sse:${RENEW_EVENT}" hx-headers='{"x-renewal":"true"}' hx-swap="outerHTML" hx-sync="this:queue last">
<div data-component="card" data-flush>${
    page.items.length === 0 ? nothing(isFiltered(query)) : runTableOf(page.items, copies)
  }${pages({ page, query, isFirst })}</div>
</section>`
}

/** The table alone, for other pages. */
export function runRows(runs: readonly Run[]): Markup {
  const t = runListTexts
  if (runs.length === 0) return emptyState({ icon: 'history', title: t.empty, text: t.noneHere })
  return html`<div data-component="rows" sse-swap="${ROW_EVENT}">${runTableOf(runs, [])}</div>`
}

function runTableOf(runs: readonly Run[], copies: readonly DeletedCopy[]): Markup {
  const t = runListTexts
  return html`<table data-cards role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader">${t.columns.instance}</th><th role="columnheader">${t.columns.database}</th><th role="columnheader">${t.columns.archive}</th><th role="columnheader" data-align="end">${t.columns.size}</th><th role="columnheader">${t.columns.finished}</th><th role="columnheader">${t.columns.cloud}</th></tr></thead>
<tbody role="rowgroup">${runs.map((run) => runRow(run, copies))}</tbody>
</table>`
}

export function runRow(run: Run, copies: readonly DeletedCopy[] = []): Markup {
  const t = runListTexts.columns
  return html`<tr role="row" id="${rowId(run)}" data-opens>
<th role="rowheader" scope="row"><a data-cover id="open-${run.id}" href="/runs/${encodeURIComponent(run.id)}">${run.instance_slug}</a></th>
<td role="cell" data-label="${t.database}" ${run.database === null ? html`data-empty` : null}>${run.database ?? html`<span data-component="none">—</span>`}</td>
<td role="cell" data-component="name"><span data-above title="${run.archive}">${fileName(run.archive)}</span></td>
<td role="cell" data-align="end" data-half data-label="${t.size}">${run.size === null ? html`<span data-component="none">—</span>` : bytes(run.size)}</td>
<td role="cell" data-half>${timeTag(run.finished_at ?? run.created_at)}</td>
<td role="cell" data-corner>${cloudMarks(run, copies)}</td>
</tr>`
}

/** Sent in place of a row that has left the list. */
export function goneRow(run: Pick<Run, 'id'>): Markup {
  return html`<tr id="${rowId(run)}" data-gone></tr>`
}

/** Carries the rows that changed. */
export const ROW_EVENT = 'row'
/** Tells the browser to read the list again. */
export const RENEW_EVENT = 'renew'

function rowId({ id }: Pick<Run, 'id'>): string {
  return `run-${id}`
}

function pages({ page, query, isFirst }: Pick<RunListView, 'page' | 'query' | 'isFirst'>): Markup | null {
  const t = runListTexts
  const { items, next_cursor } = page
  if (isFirst && next_cursor === null) return null
  const [first] = items
  const to = (change: Readonly<Record<'cursor' | 'newer', string | null>>) => addressOf('/', query, change)
  return html`<nav data-component="pager" aria-label="${t.pages}"><div data-component="cluster">${
    isFirst
      ? null
      : html`<a id="runs-newest" data-component="button" href="${to({ cursor: null, newer: null })}">⇤ ${t.newest}</a>`
  }${
    isFirst || first === undefined
      ? null
      : html`<a id="runs-newer" data-component="button" rel="prev" href="${to({ cursor: null, newer: runCursorOf(first) })}">← ${t.newer}</a>`
  }</div>${
    next_cursor === null
      ? null
      : html`<a id="runs-older" data-component="button" rel="next" href="${to({ cursor: next_cursor, newer: null })}">${t.older} →</a>`
  }</nav>`
}

function nothing(hasFilters: boolean): Markup {
  const t = runListTexts
  if (hasFilters) {
    const action = html`<a id="runs-clear" data-component="button" href="/">${t.clear}</a>`
    return emptyState({ icon: 'history', title: t.nothingFound, text: t.nothingFoundText, action })
  }
  const action = html`<a id="runs-begin" data-component="button" data-kind="primary" href="/instances">${t.emptyAction}</a>`
  const command = html`<code>cloud-sync upload --instance SLUG ARCHIVE</code>`
  const text = html`${t.emptyText}<br><br>${command}`
  return emptyState({ icon: 'history', title: t.empty, text, action })
}
