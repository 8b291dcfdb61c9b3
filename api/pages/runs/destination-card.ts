// One destination of a run: its state and progress, what is at the provider, and what retention did.

import { explanationOf } from '../../../workflows/explanation.ts'
import { deletedCount } from '../../../workflows/runs/destination.ts'
import type { DestinationState, StatusError } from '../../../workflows/types.ts'
import type { LiveDestination } from '../../runs/live-progress.ts'
import { explanation } from '../../ui/explanation.ts'
import { bytes, duration, percent, plural, rate, secondsBetween } from '../../ui/formats.ts'
import { messageBox } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { DESTINATION_LOOKS, pill, providerTag } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'

const texts = {
  progress: 'Progress',
  confirmed: 'confirmed',
  sent: 'sent',
  deleted: 'deleted by retention',
  attempt: 'Attempt',
  nextAttempt: 'next attempt',
  remaining: 'left',
  waiting: 'waiting for its turn',
  cancelling: 'being cancelled',
  remotePath: 'Remote path',
  verified: 'Hash verified',
  took: 'Took',
  finished: 'Finished',
  retention: 'Retention',
  skipped: {
    would_delete_all: 'skipped: it would have deleted every archive at the destination',
    new_file_not_listed: 'skipped: the listing of the provider did not show the new file yet',
  },
  pruneFailed: 'failed, the copy itself is whole:',
  more: (count: number) => `and ${count.toLocaleString('en-US')} more, in the audit`,
} as const

type DestinationView = {
  readonly accountId: string
  readonly state: DestinationState
  readonly live: LiveDestination | null
  /** In all attempts together, whether the provider kept it or not. */
  readonly sentBytes: number
  /** When retention deleted the copy; null while it is there. */
  readonly deletedAt: string | null
}

export function destinationCard(view: DestinationView): Markup {
  const { accountId, state, deletedAt } = view
  const { account, provider, status, error } = state
  return html`<article data-component="destination" id="destination-${accountId}">
<header><h3>${account}</h3>${providerTag(provider)}${pill(DESTINATION_LOOKS[status])}${
    deletedAt === null
      ? null
      : html`<span data-component="muted">${texts.deleted} ${timeTag(deletedAt)}</span>`
  }</header>
${progress(view)}
${error === null ? null : faultBox(error, status === 'failed' ? 'danger' : 'warning')}
<dl data-component="facts">${facts(view)}</dl>
</article>`
}

/** An error with what to do about it. */
export function faultBox(error: StatusError, kind: 'danger' | 'warning' | 'none'): Markup {
  // The state beside it says the same.
  const code = error.code === 'cancelled' ? null : html` <code data-component="small">${error.code}</code>`
  return messageBox({ kind, text: html`${explanation(explanationOf(error))}${code}` })
}

function progress({ state, live, sentBytes }: DestinationView): Markup | null {
  const { account, status, size } = state
  if (size === null) return null
  const arrived = status === 'uploaded' ? size : Math.max(live?.bytes_sent ?? 0, state.bytes_sent)
  const share = percent(arrived, size)
  const hasStopped = status === 'failed' || status === 'cancelled'
  const kind = status === 'uploaded' ? 'success' : status === 'failed' ? 'danger' : 'none'
  // The provider may not have kept what was sent last, so the figures differ where an upload broke off.
  const left = `${bytes(arrived)} of ${bytes(size)} ${hasStopped ? `${texts.confirmed} ` : ''}(${share}%)`
  const sent = hasStopped && sentBytes > arrived ? `${bytes(sentBytes)} ${texts.sent}` : null
  return html`<div data-component="stack">
<progress value="${arrived}" max="${Math.max(size, 1)}" data-kind="${kind}" aria-label="${texts.progress}: ${account}">${share}%</progress>
<div data-component="progress-line"><span>${left}</span><span>${live === null ? sent : liveLine(live)}</span></div>
</div>`
}

function liveLine(live: LiveDestination): string {
  return [
    live.bytes_per_second === null ? null : rate(live.bytes_per_second),
    live.eta_seconds === null ? null : `${duration(live.eta_seconds)} ${texts.remaining}`,
    live.state === 'cancelling' ? texts.cancelling : null,
  ]
    .filter((text) => text !== null)
    .join(' · ')
}

function facts({ state, live }: DestinationView): Part {
  const { attempt, remote_path, hash, started_at, finished_at, retention, status } = state
  const next = live?.next_attempt_at ?? null
  return [
    fact(
      texts.attempt,
      attempt === 0
        ? texts.waiting
        : html`${attempt}${next === null ? null : html`, ${texts.nextAttempt} ${timeTag(next, 'ago')}`}`,
    ),
    finished_at === null ? null : fact(texts.finished, timeTag(finished_at)),
    started_at === null ? null : fact(texts.took, duration(secondsBetween(started_at, finished_at))),
    retention === null ? null : fact(texts.retention, retentionText(retention)),
    remote_path === null ? null : fact(texts.remotePath, html`<code>${remote_path}</code>`, true),
    status !== 'uploaded' || hash === null
      ? null
      : fact(texts.verified, html`${hash.algorithm} <code>${hash.value}</code>`, true),
  ]
}

function fact(label: string, value: Part, isWide = false): Markup {
  return html`<div ${isWide ? html`data-wide` : null}><dt>${label}</dt><dd>${value}</dd></div>`
}

function retentionText(retention: NonNullable<DestinationState['retention']>): Part {
  const { deleted, kept, skipped, error, keep_last } = retention
  if (error !== null) return html`${texts.pruneFailed} ${error.message}`
  if (skipped !== null) return texts.skipped[skipped]
  const count = deletedCount(retention)
  const more = count - deleted.length
  const files =
    deleted.length === 0
      ? null
      : html`<ul>${deleted.map((name) => html`<li><code>${name}</code></li>`)}${
          more > 0 ? html`<li>${texts.more(more)}</li>` : null
        }</ul>`
  return html`keeps the last ${keep_last}: deleted ${plural(count, 'file')}, kept ${kept}${files}`
}
