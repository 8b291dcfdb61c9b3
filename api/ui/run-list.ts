// Run History: what was backed up, and where it is. The rows renew themselves: the server sends each changed row over
// `/live/runs`, and a new run renews the first page.

import type { Account } from '../../db/accounts.ts'
import type { Page } from '../../db/page.ts'
import type { Run } from '../../db/schema.ts'
import { CLOUD_STATUSES } from '../../workflows/types.ts'
import { cloudMarks } from './cloud-marks.ts'
import { bytes } from './formats.ts'
import { inputField, selectField } from './forms.ts'
import { html, type Markup } from './markup.ts'
import { addressOf, emptyState, pager } from './page-parts.ts'
import { fileName, RUN_LOOKS } from './status-words.ts'
import { timeTag } from './time-tag.ts'

export const runListTexts = {
  title: 'Run History',
  lead: 'Every backup that was handed over, newest first, and how far it is at each destination.',
  search: 'Search',
  searchHint: 'Instance, database, archive, run ID',
  status: 'Status',
  anyStatus: 'Any status',
  account: 'Cloud account',
  anyAccount: 'Any account',
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
  newest: 'Newest',
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
  readonly query: URLSearchParams
  readonly accounts: readonly Account[]
  /** When the page was read: runs made later are new. */
  readonly readAt: string
}

const FILTERS = ['q', 'instance', 'status', 'account', 'from', 'to'] as const

export function runFilters({ query, accounts }: Pick<RunListView, 'query' | 'accounts'>): Markup {
  const t = runListTexts
  const value = (name: string) => query.get(name) ?? ''
  const statuses = CLOUD_STATUSES.map((status) => ({ value: status, label: RUN_LOOKS[status].label }))
  const isFiltered = FILTERS.some((name) => value(name) !== '')
  return html`<form data-component="filters" role="search" method="get" action="/" hx-get="/" hx-target="#runs" hx-swap="outerHTML" hx-push-url="true" hx-trigger="input changed delay:300ms from:#q, change from:select, submit">
${inputField({ name: 'q', label: t.search, type: 'search', value: value('q'), placeholder: t.searchHint, grows: true })}
${value('instance') === '' ? null : inputField({ name: 'instance', label: t.columns.instance, value: value('instance') })}
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
<button data-component="button">${t.filter}</button>
${isFiltered ? html`<a data-component="button" href="/">${t.clear}</a>` : null}
</form>`
}

/** The part that filters and new runs renew. */
export function runTable({ page, query, readAt }: RunListView): Markup {
  const t = runListTexts
  const isFirstPage = !query.has('cursor')
  const address = addressOf('/', query, {})
  const renews = html`hx-get="${address}" hx-trigger="sse:new-run" hx-headers='{"x-renewal":"true"}' hx-swap="outerHTML" hx-sync="this:queue last"`
  return html`<section id="runs" aria-label="${t.title}" hx-ext="sse" sse-connect="/live/runs?since=${readAt}" ${isFirstPage ? renews : null}>
<div data-component="card" data-flush>${
    page.items.length === 0 ? nothing(FILTERS.some((name) => query.get(name))) : runRows(page.items)
  }${pager({ path: '/', query, nextCursor: page.next_cursor, newest: t.newest, older: t.older })}</div>
</section>`
}

/** The table alone, as other pages have it too. */
export function runRows(runs: readonly Run[]): Markup {
  const t = runListTexts
  if (runs.length === 0) return emptyState({ icon: 'history', title: t.empty, text: t.noneHere })
  return html`<table data-cards role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader">${t.columns.instance}</th><th role="columnheader">${t.columns.database}</th><th role="columnheader">${t.columns.archive}</th><th role="columnheader" data-align="end">${t.columns.size}</th><th role="columnheader">${t.columns.finished}</th><th role="columnheader">${t.columns.cloud}</th></tr></thead>
<tbody role="rowgroup">${runs.map(runRow)}</tbody>
</table>`
}

export function runRow(run: Run): Markup {
  const t = runListTexts.columns
  return html`<tr role="row" id="run-${run.id}" data-opens sse-swap="${rowEvent(run.id)}" hx-swap="outerHTML">
<th role="rowheader" scope="row"><a data-cover href="/runs/${encodeURIComponent(run.id)}">${run.instance_slug}</a></th>
<td role="cell" data-label="${t.database}" ${run.database === null ? html`data-empty` : null}>${run.database ?? html`<span data-component="none">—</span>`}</td>
<td role="cell" data-component="name" title="${run.archive}">${fileName(run.archive)}</td>
<td role="cell" data-align="end" data-half data-label="${t.size}">${run.size === null ? html`<span data-component="none">—</span>` : bytes(run.size)}</td>
<td role="cell" data-half>${timeTag(run.finished_at ?? run.created_at)}</td>
<td role="cell" data-corner>${cloudMarks(run)}</td>
</tr>`
}

export function rowEvent(runId: string): string {
  return `row-${runId}`
}

function nothing(isFiltered: boolean): Markup {
  const t = runListTexts
  if (isFiltered) {
    const action = html`<a data-component="button" href="/">${t.clear}</a>`
    return emptyState({ icon: 'history', title: t.nothingFound, text: t.nothingFoundText, action })
  }
  const action = html`<a data-component="button" data-kind="primary" href="/instances">${t.emptyAction}</a>`
  const command = html`<code>cloud-sync upload --instance SLUG ARCHIVE</code>`
  const text = html`${t.emptyText}<br><br>${command}`
  return emptyState({ icon: 'history', title: t.empty, text, action })
}
