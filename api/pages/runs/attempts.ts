// The attempts of a run by destination, newest first: when each began, what it sent, and how it ended.

import type { Attempt, Run } from '../../../db/schema.ts'
import type { AttemptProgress } from '../../../db/uploads/progress.ts'
import { explanationOf } from '../../../workflows/explanation.ts'
import { bytes, duration, secondsBetween } from '../../ui/formats.ts'
import { html, type Markup } from '../../ui/markup.ts'
import { timeTag } from '../../ui/time-tag.ts'

const texts = {
  title: 'Attempts',
  columns: {
    destination: 'Destination',
    attempt: 'Attempt',
    began: 'Began',
    took: 'Took',
    from: 'From',
    sent: 'Sent',
    outcome: 'Outcome',
  },
  running: 'running',
} as const

type AttemptsView = {
  readonly run: Run
  readonly attempts: readonly Attempt[]
  /** The running attempts: their rows are only written at the end of the attempt. */
  readonly progress: readonly AttemptProgress[]
}

export function attemptsCard({ run, attempts, progress }: AttemptsView): Markup | null {
  if (attempts.length === 0) return null
  const c = texts.columns
  const nameOf = (id: string) => run.cloud_sync_status[id]?.account ?? id
  const groups = Map.groupBy(attempts, (one) => one.account_id)
  const ordered = [...groups].sort(([a], [b]) => nameOf(a).localeCompare(nameOf(b)))
  return html`<section data-component="card" data-flush id="run-attempts" aria-labelledby="attempts-title">
<h2 id="attempts-title" data-component="section-title">${texts.title}</h2>
<table data-cards role="table"><thead role="rowgroup"><tr role="row">${Object.values(c).map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead>${ordered.map(
    ([accountId, own]) =>
      html`<tbody role="rowgroup" id="attempts-${accountId}">${own
        .toSorted((a, b) => b.id - a.id)
        .map((one) => attemptRow(one, nameOf(accountId), sentNow(one, progress)))}</tbody>`,
  )}</table></section>`
}

function attemptRow(one: Attempt, account: string, sent: number): Markup {
  const c = texts.columns
  // The offset where it continued is written at its end.
  const from = one.outcome === null ? '—' : bytes(one.from_offset)
  return html`<tr role="row" id="attempt-${one.id}">
<th role="rowheader" scope="row">${account}</th><td role="cell" data-half data-label="${c.attempt}">${one.attempt}</td><td role="cell" data-label="${c.began}">${timeTag(one.started_at)}</td>
<td role="cell" data-nowrap data-half data-label="${c.took}">${duration(secondsBetween(one.started_at, one.finished_at))}</td><td role="cell" data-nowrap data-half data-label="${c.from}">${from}</td><td role="cell" data-nowrap data-half data-label="${c.sent}">${bytes(sent)}</td>
<td role="cell">${one.outcome ?? texts.running}${one.error === null ? null : html`<div data-component="small">${explanationOf(one.error).fact}</div>`}</td></tr>`
}

function sentNow(one: Attempt, progress: readonly AttemptProgress[]): number {
  if (one.outcome !== null) return one.bytes_sent
  const open = progress.find(({ account_id }) => account_id === one.account_id)
  return Math.max(open?.attempt_bytes ?? 0, one.bytes_sent)
}
