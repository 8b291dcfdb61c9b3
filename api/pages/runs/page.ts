// The page of one run: its destinations with their progress, its attempts and audit entries, and what can be done now.

import type { Run } from '../../../db/schema.ts'
import type { Live } from '../../runs/live-progress.ts'
import { bytes, duration, secondsBetween } from '../../ui/formats.ts'
import { actionButton } from '../../ui/forms.ts'
import type { Message } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { doneMessage, emptyState, pageHead } from '../../ui/page-parts.ts'
import { deletedAt, destinationsOf, fileName, pill, RUN_LOOKS, runLook } from '../../ui/status-words.ts'
import { timeOrDash, timeTag } from '../../ui/time-tag.ts'
import { runAudit } from '../audit/table.ts'
import { attemptsCard } from './attempts.ts'
import { destinationCard, faultBox } from './destination-card.ts'
import { reuploadCard } from './reupload.ts'
import type { RunView, WorkflowLink } from './view.ts'

const texts = {
  back: 'Run History',
  retryNow: 'Retry now',
  cancel: 'Cancel',
  cancelQuestion: 'Cancel the upload of this run? Copies that are finished stay.',
  temporal: 'Open in Temporal',
  onServer: 'Opens on the server only, at',
  facts: {
    instance: 'Instance',
    database: 'Database',
    size: 'Size',
    finished: 'Backup finished',
    synced: 'Sync took',
    kept: 'Archive kept until',
    pin: 'Archive kept',
    pins: {
      linked: 'by a hard link: the file may be deleted',
      original: 'no: the original is used, and has to stay',
      none: 'not yet: the file has to stay',
    },
    archive: 'Archive',
    id: 'Run ID',
  },
  destinations: 'Destinations',
  noneTitle: 'No binding was enabled',
  noneText: 'This run was recorded, but the instance had no enabled cloud account to upload to.',
  noneAction: 'Bind a cloud account',
  stoppedTitle: 'Nothing was uploaded',
  stoppedText: 'The run ended before it came to its destinations.',
  waitingTitle: 'Waiting to start',
  waitingText: 'The run is recorded and starts as soon as Temporal and a worker take it.',
  progressAsOf: 'Progress as of',
  audit: 'Audit',
  json: 'Full status as JSON',
  copy: 'Copy',
  copied: 'Copied',
} as const

/** For the title bar of the browser. */
export function runTitle(run: Run): string {
  return `${run.instance_slug}: ${fileName(run.archive)}`
}

/** The whole page. `done` names the action that was just carried out. */
export function runPage(view: RunView, done: string | undefined): Markup {
  const live = `/runs/${encodeURIComponent(view.run.id)}/live`
  const address = done === undefined ? live : `${live}?done=${encodeURIComponent(done)}`
  return html`<div hx-ext="sse" sse-connect="${address}">${runPart(view)}</div>`
}

/** The live part, which is sent again at each change. */
export function runPart(view: RunView): Markup {
  const { run, live, audit } = view
  const json = JSON.stringify(run.cloud_sync_status, null, 2)
  return html`<div sse-swap="run" id="run">${pageHead({
    title: fileName(run.archive),
    lead: html`${pill(runLook(run))}`,
    back: { href: '/', label: texts.back },
    actions: actions(view),
  })}
<section data-component="card" id="run-facts" aria-label="Run"><dl data-component="facts">${facts(run)}</dl></section>
${run.error === null ? null : html`<div id="run-error">${faultBox(run.error, run.cloud_status === 'cancelled' ? 'none' : 'danger')}</div>`}
<section data-component="card" data-flush id="run-destinations" aria-labelledby="destinations-title">
<h2 id="destinations-title" data-component="section-title">${texts.destinations}</h2>
${live?.source === 'database' ? html`<p id="run-age" data-component="section-note">${texts.progressAsOf} ${timeTag(run.updated_at, 'clock')}</p>` : null}
${destinations(view)}
</section>
${reuploadCard(view)}
${attemptsCard(view)}
${
  audit.length === 0
    ? null
    : html`<section data-component="card" data-flush id="run-audit" aria-labelledby="audit-title"><h2 id="audit-title" data-component="section-title">${texts.audit}</h2>${runAudit(audit, accountNames(view))}</section>`
}
<details data-component="card" id="run-json"><summary>${texts.json}</summary>
<div data-component="stack"><div><button type="button" data-component="button" data-copy="status-json" data-done="${texts.copied}">${texts.copy}</button></div><pre id="status-json" tabindex="0">${json}</pre></div></details></div>`
}

/** Confirms the last action for as long as it holds. */
export function runMessage({ run, live }: Pick<RunView, 'run' | 'live'>, done: string | undefined) {
  const message: Message | null = doneMessage(done)
  const isOver = run.cloud_status !== 'pending' || (done === 'retry' && isWaiting(live))
  return isOver && (done === 'reupload' || done === 'cancel' || done === 'retry') ? null : message
}

function isWaiting(live: Live | null): boolean {
  return Object.values(live?.destinations ?? {}).some(
    ({ state, next_attempt_at }) => state === 'waiting' && next_attempt_at !== null,
  )
}

function actions({ run, live, principal, workflow }: RunView): Part {
  const path = `/runs/${encodeURIComponent(run.id)}`
  const mayAct = principal.permissions.has('runs:write') && run.cloud_status === 'pending'
  return [
    mayAct && isWaiting(live)
      ? html`<div id="run-retry">${actionButton({ action: `${path}/retry-now`, label: texts.retryNow, kind: 'primary' })}</div>`
      : null,
    mayAct
      ? html`<div id="run-cancel">${actionButton({
          action: `${path}/cancel`,
          label: texts.cancel,
          kind: 'danger',
          confirm: texts.cancelQuestion,
        })}</div>`
      : null,
    workflow === null ? null : workflowLink(workflow),
  ]
}

function workflowLink({ url, isElsewhere }: WorkflowLink): Markup {
  const title = isElsewhere ? html`title="${texts.onServer} ${new URL(url).host}"` : null
  return html`<a id="run-workflow" data-component="button" href="${url}" target="_blank" rel="noreferrer" ${title}>${texts.temporal} ↗</a>`
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
    run.cloud_status === 'pending' ? fact(t.pin, t.pins[run.pin ?? 'none']) : null,
    run.kept_until === null ? null : fact(t.kept, timeOrDash(run.kept_until)),
    html`<div data-wide><dt>${t.archive}</dt><dd><code>${run.archive}</code></dd></div>`,
    html`<div data-wide><dt>${t.id}</dt><dd><code>${run.id}</code></dd></div>`,
  ]
}

function destinations({ run, live, attempts, copies }: RunView): Part {
  const all = destinationsOf(run)
  if (all.length > 0) {
    return all.map(([accountId, state]) =>
      destinationCard({
        accountId,
        state,
        live: live?.destinations[accountId] ?? null,
        sentBytes: attempts
          .filter(({ account_id }) => account_id === accountId)
          .reduce((sum, { bytes_sent }) => sum + bytes_sent, 0),
        deletedAt: deletedAt(copies, run.id, accountId, state),
      }),
    )
  }
  if (run.cloud_status === 'pending') {
    return emptyState({ icon: 'retry', title: texts.waitingTitle, text: texts.waitingText })
  }
  if (run.cloud_status !== 'none') {
    return emptyState({
      icon: RUN_LOOKS[run.cloud_status].icon,
      title: texts.stoppedTitle,
      text: texts.stoppedText,
    })
  }
  const action = html`<a id="run-bind" data-component="button" href="/instances/${run.instance_slug}">${texts.noneAction}</a>`
  return emptyState({ icon: 'cloud', title: texts.noneTitle, text: texts.noneText, action })
}

function accountNames({ run, bindings }: RunView): ReadonlyMap<string, string> {
  return new Map([
    ...bindings.map(({ account_id, account }) => [account_id, account] as const),
    ...destinationsOf(run).map(([accountId, { account }]) => [accountId, account] as const),
  ])
}
