// One run: each destination with its progress, what was tried, what stands in the audit trail, and what can be done now.

import type { BindingView } from '../../db/binding-views.ts'
import type { Attempt, AuditEntry, Run } from '../../db/schema.ts'
import type { Live } from '../live-progress.ts'
import type { Principal } from '../permissions.ts'
import { auditTable } from './audit-table.ts'
import { destinationCard, faultBox } from './destination-card.ts'
import { bytes, duration, secondsBetween } from './formats.ts'
import { actionButton, checkbox } from './forms.ts'
import { html, type Markup, type Part } from './markup.ts'
import { emptyState, pageHead } from './page-parts.ts'
import { DESTINATION_LOOKS, destinationsOf, fileName, pill, RUN_LOOKS } from './status-words.ts'
import { timeOrDash, timeTag } from './time-tag.ts'

const texts = {
  back: 'Run History',
  retryNow: 'Retry now',
  cancel: 'Cancel',
  cancelQuestion: 'Cancel the upload of this run? Copies that are finished stay.',
  temporal: 'Open in Temporal',
  facts: {
    instance: 'Instance',
    database: 'Database',
    size: 'Size',
    finished: 'Backup finished',
    synced: 'Sync took',
    kept: 'Archive kept until',
    archive: 'Archive',
    id: 'Run ID',
  },
  destinations: 'Destinations',
  noneTitle: 'No binding was enabled',
  noneText: 'This run was recorded, but the instance had no enabled cloud account to upload to.',
  noneAction: 'Bind a cloud account',
  waitingTitle: 'Waiting to start',
  waitingText: 'The run is recorded and starts as soon as Temporal and a worker take it.',
  fromDatabase: 'Temporal does not answer at the moment: the progress is a few seconds older.',
  reupload: {
    title: 'Re-upload',
    lead: 'Uploads the archive of this run again. The backup itself is not run again, and an upload session that still lives is continued.',
    choose: 'Destinations',
    submit: 'Re-upload',
    disabled: 'The binding is paused',
  },
  attempts: 'Attempts',
  attemptColumns: {
    destination: 'Destination',
    attempt: 'Attempt',
    began: 'Began',
    took: 'Took',
    from: 'From',
    sent: 'Sent',
    outcome: 'Outcome',
  },
  running: 'running',
  audit: 'Audit',
  json: 'Full status as JSON',
  copy: 'Copy',
  copied: 'Copied',
} as const

export type RunView = {
  readonly run: Run
  readonly live: Live | null
  readonly attempts: readonly Attempt[]
  readonly audit: readonly AuditEntry[]
  readonly bindings: readonly BindingView[]
  readonly principal: Principal
  /** The workflow in Temporal's Web UI; null when that is not known. */
  readonly workflowUrl: string | null
}

export function runTitle(run: Run): string {
  return `${run.instance_slug}: ${fileName(run.archive)}`
}

/** The whole page; its live part is sent anew at each change. */
export function runPage(view: RunView): Markup {
  const { run } = view
  const live = `/runs/${encodeURIComponent(run.id)}/live`
  return html`<div hx-ext="sse" sse-connect="${live}"><div sse-swap="run" id="run">${runParts(view)}</div></div>`
}

export function runParts(view: RunView): Markup {
  const { run, live, attempts, audit } = view
  const json = JSON.stringify(run.cloud_sync_status, null, 2)
  return html`${pageHead({
    title: fileName(run.archive),
    lead: html`${pill(RUN_LOOKS[run.cloud_status])}`,
    back: { href: '/', label: texts.back },
    actions: actions(view),
  })}
<section data-component="card" aria-label="Run"><dl data-component="facts">${facts(run)}</dl></section>
${run.error === null ? null : faultBox(run.error, 'danger')}
<section data-component="card" data-flush aria-labelledby="destinations-title">
<h2 id="destinations-title" data-component="section-title">${texts.destinations}</h2>
${live?.source === 'database' ? html`<p data-component="section-note">${texts.fromDatabase}</p>` : null}
${destinations(view)}
</section>
${reuploadForm(view)}
${attempts.length === 0 ? null : attemptsCard(run, attempts)}
${
  audit.length === 0
    ? null
    : html`<section data-component="card" data-flush aria-labelledby="audit-title"><h2 id="audit-title" data-component="section-title">${texts.audit}</h2>${auditTable(audit, { ofRun: true })}</section>`
}
<details data-component="card" id="run-json"><summary>${texts.json}</summary>
<div data-component="stack"><div><button type="button" data-component="button" data-copy="status-json" data-done="${texts.copied}">${texts.copy}</button></div><pre id="status-json" tabindex="0">${json}</pre></div></details>`
}

function actions({ run, live, principal, workflowUrl }: RunView): Part {
  const path = `/runs/${encodeURIComponent(run.id)}`
  const mayAct = principal.permissions.has('runs:write') && run.cloud_status === 'pending'
  const isWaiting = Object.values(live?.destinations ?? {}).some(
    ({ state, next_attempt_at }) => state === 'waiting' && next_attempt_at !== null,
  )
  return [
    mayAct && isWaiting
      ? actionButton({ action: `${path}/retry-now`, label: texts.retryNow, kind: 'primary' })
      : null,
    mayAct
      ? actionButton({
          action: `${path}/cancel`,
          label: texts.cancel,
          kind: 'danger',
          confirm: texts.cancelQuestion,
        })
      : null,
    workflowUrl === null
      ? null
      : html`<a data-component="button" href="${workflowUrl}" target="_blank" rel="noreferrer">${texts.temporal} ↗</a>`,
  ]
}

function facts(run: Run): Part {
  const t = texts.facts
  const fact = (label: string, value: Part) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`
  const instance = html`<a href="/instances/${run.instance_slug}">${run.instance_slug}</a>`
  return [
    fact(t.instance, instance),
    run.database === null ? null : fact(t.database, run.database),
    fact(t.size, run.size === null ? '—' : bytes(run.size)),
    fact(t.finished, timeTag(run.finished_at ?? run.created_at)),
    run.sync_started_at === null || run.sync_finished_at === null
      ? null
      : fact(t.synced, duration(secondsBetween(run.sync_started_at, run.sync_finished_at))),
    run.kept_until === null ? null : fact(t.kept, timeOrDash(run.kept_until)),
    html`<div data-wide><dt>${t.archive}</dt><dd><code>${run.archive}</code></dd></div>`,
    html`<div data-wide><dt>${t.id}</dt><dd><code>${run.id}</code></dd></div>`,
  ]
}

function destinations({ run, live }: RunView): Part {
  const all = destinationsOf(run)
  if (all.length > 0) {
    return all.map(([id, state]) => destinationCard(state, live?.destinations[id] ?? null))
  }
  if (run.cloud_status === 'pending') {
    return emptyState({ icon: 'retry', title: texts.waitingTitle, text: texts.waitingText })
  }
  const action = html`<a data-component="button" href="/instances/${run.instance_slug}">${texts.noneAction}</a>`
  return emptyState({ icon: 'cloud', title: texts.noneTitle, text: texts.noneText, action })
}

/** Shown when nothing is open: the API refuses it before. */
function reuploadForm({ run, bindings, principal }: RunView): Markup | null {
  if (run.cloud_status === 'pending' || !principal.permissions.has('runs:write')) return null
  const choosable = bindings.filter((binding) => binding.enabled)
  if (choosable.length === 0) return null
  const t = texts.reupload
  const lacks = (accountId: string) => run.cloud_sync_status[accountId]?.status !== 'uploaded'
  return html`<section data-component="card" aria-labelledby="reupload-title">
<form data-component="form" method="post" action="/runs/${encodeURIComponent(run.id)}/reupload">
<div><h2 id="reupload-title">${t.title}</h2><p data-component="muted">${t.lead}</p></div>
<fieldset><legend>${t.choose}</legend>${choosable.map(({ account_id, account }) => {
    const state = run.cloud_sync_status[account_id]
    const label = html`${account}${state === undefined ? null : html` <span data-component="muted">(${DESTINATION_LOOKS[state.status].label})</span>`}`
    return checkbox({
      name: 'account_ids',
      id: `reupload-${account_id}`,
      value: account_id,
      label,
      isOn: lacks(account_id),
    })
  })}</fieldset>
<div><button data-component="button" data-kind="${choosable.some(({ account_id }) => lacks(account_id)) ? 'primary' : 'none'}">${t.submit}</button></div>
</form></section>`
}

function attemptsCard(run: Run, attempts: readonly Attempt[]): Markup {
  const c = texts.attemptColumns
  return html`<section data-component="card" data-flush aria-labelledby="attempts-title">
<h2 id="attempts-title" data-component="section-title">${texts.attempts}</h2>
<table data-cards role="table"><thead role="rowgroup"><tr role="row">${Object.values(c).map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead><tbody role="rowgroup">${attempts.map(
    (one) => html`<tr role="row">
<th role="rowheader" scope="row">${run.cloud_sync_status[one.account_id]?.account ?? one.account_id}</th><td role="cell" data-half data-label="${c.attempt}">${one.attempt}</td><td role="cell" data-label="${c.began}">${timeTag(one.started_at)}</td>
<td role="cell" data-nowrap data-half data-label="${c.took}">${duration(secondsBetween(one.started_at, one.finished_at))}</td><td role="cell" data-nowrap data-half data-label="${c.from}">${bytes(one.from_offset)}</td><td role="cell" data-nowrap data-half data-label="${c.sent}">${bytes(one.bytes_sent)}</td>
<td role="cell">${one.outcome ?? texts.running}${one.error === null ? null : html`<div data-component="small">${one.error.message}</div>`}</td></tr>`,
  )}</tbody></table></section>`
}
