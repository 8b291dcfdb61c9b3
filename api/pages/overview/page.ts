// Overview: whether anything is wrong, at a glance. First comes one sentence, then what a person has to do, then what is moving.

import type { Run } from '../../../db/schema.ts'
import type { InstanceView } from '../../../db/views/instances.ts'
import type { AccountDay, FailureCause } from '../../../db/views/overview.ts'
import { explanationOf } from '../../../workflows/explanation.ts'
import { bytes, plural } from '../../ui/formats.ts'
import { icon } from '../../ui/icons.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { emptyState, pageHead } from '../../ui/page-parts.ts'
import { pill } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'
import { SAFETY_LOOKS } from '../instances/list.ts'
import { runRows } from '../runs/list.ts'
import { barChart } from './chart.ts'

export const overviewTexts = {
  title: 'Overview',
  allSafe: 'Every newest backup is safe off-site',
  notSafe: 'without a safe copy of the newest backup',
  unfinished: 'Nothing is wrong; uploads are under way',
  waiting: 'Uploads wait',
  standsStill: 'uploads stand still',
  failedToday: ['upload failed in the last 24 h', 'uploads failed in the last 24 h'],
  inProgress: 'in progress',
  noInstances: 'Nothing to protect yet',
  noInstancesText:
    'Add an instance and bind a cloud account to it. Its state appears here with the first backup.',
  addInstance: '+ Add Instance',
  tiles: { safe: 'Safe off-site', unsafe: 'Not safe', moving: 'Uploading now', failures: 'Failures in 24 h' },
  of: 'of',
  problems: 'Not safe',
  problemsText: 'The newest backup of these instances has no verified copy at any destination.',
  since: 'Last safe backup',
  neverSafe: 'never had a safe copy',
  moreProblems: 'more',
  columns: { instance: 'Instance', state: 'State', newest: 'Newest backup', since: 'Last safe backup' },
  moving: 'Uploading now',
  nothingMoves: 'Nothing is being uploaded at the moment.',
  failures: 'Failures of the last 24 hours by cause',
  noFailures: 'No upload failed in the last 24 hours.',
  failureColumns: {
    cause: 'Cause',
    account: 'Cloud account',
    count: 'Count',
    newest: 'Newest',
    action: 'What to do',
  },
  openRun: 'Open run',
  chart: 'Uploaded by destination, last 30 days',
  chartTable: 'As a table',
  chartEmpty: 'Nothing was uploaded in the last 30 days.',
} as const

const MOST_PROBLEMS = 25

export type OverviewView = {
  readonly instances: readonly InstanceView[]
  readonly openRuns: readonly Run[]
  readonly openCount: number
  readonly failures: readonly FailureCause[]
  readonly days: readonly string[]
  readonly uploaded: readonly AccountDay[]
  readonly mayWrite: boolean
  /** Temporal or the workers do not answer; the notice above the page says which. */
  readonly standsStill: boolean
}

/**
 * While something changes, the whole is renewed every few seconds, and rows of runs at once. One stream carries both, because
 * a browser opens only a few.
 */
export function overviewPage(view: OverviewView): Markup {
  const t = overviewTexts
  const { instances, openRuns, failures } = view
  const problems = instances.filter(({ safety }) => safety === 'unsafe' || safety === 'unbound')
  return html`<div id="overview" hx-ext="sse" sse-connect="/live/overview" hx-get="/overview" hx-trigger="sse:changed" hx-headers='{"x-renewal":"true"}' hx-swap="outerHTML" hx-sync="this:queue last">
${pageHead({ title: t.title })}
${
  instances.length === 0
    ? html`<div data-component="card">${emptyState({ icon: 'overview', title: t.noInstances, text: t.noInstancesText, ...(view.mayWrite ? { action: html`<a id="overview-add" data-component="button" data-kind="primary" href="/instances/new">${t.addInstance}</a>` } : {}) })}</div>`
    : html`${verdict(view, problems)}${tiles(view, problems.length)}`
}
${problems.length === 0 ? null : problemCard(problems)}
<section data-component="card" data-flush aria-labelledby="moving-title"><h2 id="moving-title" data-component="section-title">${t.moving}</h2>${
    openRuns.length === 0 ? html`<p data-component="section-note">${t.nothingMoves}</p>` : runRows(openRuns)
  }</section>
${failureCard(failures)}
${chartCard(view)}
</div>`
}

/** Green only when nothing needs a person. */
function verdict(view: OverviewView, problems: readonly InstanceView[]): Markup {
  const t = overviewTexts
  const { instances, standsStill } = view
  const failed = failureCount(view)
  const isDone = instances.every(({ safety }) => safety === 'safe')
  const parts = [
    problems.length > 0
      ? `${plural(problems.length, 'instance')} ${t.notSafe}`
      : isDone
        ? t.allSafe
        : standsStill
          ? t.waiting
          : failed > 0
            ? t.moving
            : t.unfinished,
    ...(failed > 0 && problems.length === 0 ? [plural(failed, ...t.failedToday)] : []),
    ...(standsStill && (isDone || problems.length > 0) ? [t.standsStill] : []),
  ]
  const kind = problems.length > 0 ? 'danger' : failed > 0 || standsStill ? 'warning' : 'success'
  const text = parts.join(problems.length > 0 ? '; ' : ', but ')
  return html`<p data-component="verdict" data-kind="${kind}">${icon(kind === 'success' ? 'check' : 'warn')}<strong>${text}</strong></p>`
}

function failureCount({ failures }: OverviewView): number {
  return failures.reduce((sum, { count }) => sum + count, 0)
}

function tiles(view: OverviewView, problems: number): Markup {
  const t = overviewTexts.tiles
  const { instances, openCount } = view
  const safe = instances.filter(({ safety }) => safety === 'safe').length
  const moving = instances.filter(({ safety }) => safety === 'in_progress').length
  const failed = failureCount(view)
  const tile = (label: string, value: Part, kind: string) =>
    html`<div data-component="tile" data-kind="${kind}"><dt>${label}</dt><dd>${value}</dd></div>`
  const under = moving === 0 ? null : html`, ${moving} ${overviewTexts.inProgress}`
  return html`<dl data-component="tiles">
${tile(t.safe, html`${safe} <small>${overviewTexts.of} ${instances.length}${under}</small>`, safe === instances.length ? 'success' : 'none')}
${tile(t.unsafe, problems, problems > 0 ? 'danger' : 'none')}
${tile(t.moving, openCount, 'none')}
${tile(t.failures, failed, failed > 0 ? 'warning' : 'none')}
</dl>`
}

function problemCard(problems: readonly InstanceView[]): Markup {
  const t = overviewTexts
  const c = t.columns
  const ordered = [...problems].sort((a, b) => (a.last_safe_at ?? '').localeCompare(b.last_safe_at ?? ''))
  const more = ordered.length - MOST_PROBLEMS
  return html`<section data-component="card" data-flush aria-labelledby="problems-title"><h2 id="problems-title" data-component="section-title">${t.problems}</h2><p data-component="section-note">${t.problemsText}</p>
<table data-cards role="table"><thead role="rowgroup"><tr role="row">${Object.values(c).map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead><tbody role="rowgroup">${ordered
    .slice(0, MOST_PROBLEMS)
    .map(
      ({ slug, name, safety, newest_at, last_safe_at }) =>
        html`<tr role="row" id="problem-${slug}" data-opens><th role="rowheader" scope="row"><a data-cover href="/instances/${slug}">${name}</a></th><td role="cell" data-corner>${pill(SAFETY_LOOKS[safety])}</td><td role="cell" data-label="${c.newest}">${newest_at === null ? '—' : timeTag(newest_at, 'ago')}</td><td role="cell" data-label="${c.since}">${last_safe_at === null ? t.neverSafe : timeTag(last_safe_at, 'ago')}</td></tr>`,
    )}</tbody></table>${more > 0 ? html`<p data-component="section-note">${more.toLocaleString('en-US')} ${t.moreProblems}</p>` : null}</section>`
}

function failureCard(failures: readonly FailureCause[]): Markup {
  const t = overviewTexts
  const c = t.failureColumns
  const content =
    failures.length === 0
      ? html`<p data-component="section-note">${t.noFailures}</p>`
      : html`<table data-cards role="table"><thead role="rowgroup"><tr role="row">${Object.values(c).map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead><tbody role="rowgroup">${failures.map(
          ({ code, account, count, newest_run_id, newest_at, error }, index) => {
            const { fact, advice } = explanationOf(error)
            return html`<tr role="row"><th role="rowheader" scope="row">${code.replaceAll('_', ' ')}<div data-component="small">${fact}</div></th><td role="cell">${account}</td><td role="cell" data-label="${c.count}">${count}</td><td role="cell"><a id="failure-${index}-${newest_run_id}" href="/runs/${encodeURIComponent(newest_run_id)}">${timeTag(newest_at, 'ago')}</a></td><td role="cell">${advice}</td></tr>`
          },
        )}</tbody></table>`
  return html`<section data-component="card" data-flush aria-labelledby="failures-title"><h2 id="failures-title" data-component="section-title">${t.failures}</h2>${content}</section>`
}

function chartCard({ days, uploaded }: OverviewView): Markup {
  const t = overviewTexts
  const accounts = [...new Map(uploaded.map(({ account_id, account }) => [account_id, account]))]
  const series = accounts.map(([id, name]) => {
    const own = new Map(
      uploaded.filter(({ account_id }) => account_id === id).map((one) => [one.day, one.bytes]),
    )
    return { name, values: days.map((day) => own.get(day) ?? 0) }
  })
  const total = uploaded.reduce((sum, one) => sum + one.bytes, 0)
  return html`<section data-component="card" aria-labelledby="chart-title"><div data-component="card-head"><h2 id="chart-title">${t.chart}</h2><span data-component="muted">${bytes(total)}</span></div>${
    series.length === 0
      ? html`<p data-component="muted">${t.chartEmpty}</p>`
      : barChart({ title: t.chart, days, series, tableLabel: t.chartTable })
  }</section>`
}
