// The Cloud column: one mark per destination. Each mark contains its meaning as text for screen readers, and shows it as a
// tooltip on hover and focus (WCAG 1.4.13: it can be pointed at, stays, and Escape hides it).

import type { Run } from '../../db/schema.ts'
import type { DeletedCopy } from '../../db/uploads/deleted-copies.ts'
import type { DestinationState } from '../../workflows/types.ts'
import { bytes } from './formats.ts'
import { type IconName, icon } from './icons.ts'
import { html, type Markup, type Part } from './markup.ts'
import {
  DESTINATION_LOOKS,
  deletedAt,
  destinationsOf,
  failedCount,
  runLook,
  shareSent,
} from './status-words.ts'
import { timeTag } from './time-tag.ts'

const texts = {
  none: 'No binding was enabled: nothing was uploaded',
  starting: 'waiting to start',
  stopped: 'The run was stopped',
  deleted: 'deleted by retention',
  pruneFailed: 'The copy is whole; cleaning up old copies failed:',
  pruneSkipped: {
    would_delete_all: 'The copy is whole; retention was skipped because it would have deleted every archive.',
    new_file_not_listed:
      'The copy is whole; retention was skipped because the listing did not show the new file.',
  },
} as const

type MarkView = {
  readonly id: string
  readonly state: 'uploaded' | 'failed' | 'moving' | 'retrying' | 'waiting' | 'cancelled'
  readonly icon: IconName
  readonly label: string
  readonly shown?: string
  readonly warns?: boolean
  /** The copy was deleted since. */
  readonly isGone?: boolean
  readonly details: Part
}

/** `copies`: those that were deleted since. */
export function cloudMarks(run: Run, copies: readonly DeletedCopy[] = []): Markup {
  const destinations = destinationsOf(run)
  const marks =
    destinations.length > 0
      ? destinations.map(([accountId, state]) =>
          mark(destinationMark(`${run.id}-${accountId}`, state, deletedAt(copies, run.id, accountId, state))),
        )
      : runMark(run)
  // When one destination has failed and another goes on, the marks alone do not show that the run is open.
  const isMixed = run.cloud_status === 'pending' && failedCount(run) > 0
  return html`<div data-component="marks">${marks}</div>${
    isMixed ? html`<div data-component="small">${runLook(run).label}</div>` : null
  }`
}

/** For a run that has no destinations, or none yet. */
function runMark({ id, cloud_status, error }: Run): Markup {
  const details = error === null ? texts.stopped : error.message
  if (cloud_status === 'cancelled') {
    const { icon: name, label } = DESTINATION_LOOKS.cancelled
    return mark({ id, state: 'cancelled', icon: name, label, details })
  }
  if (error !== null || cloud_status === 'failed') {
    return mark({ id, state: 'failed', icon: 'cross', label: 'failed', details })
  }
  if (cloud_status === 'none') {
    return html`<span data-component="none" title="${texts.none}"><span aria-hidden="true">—</span><span data-component="visually-hidden">${texts.none}</span></span>`
  }
  return mark({ id, state: 'waiting', icon: 'retry', label: texts.starting, details: null })
}

function destinationMark(id: string, state: DestinationState, goneAt: string | null): MarkView {
  const { account, status, error, retention, remote_path, finished_at, size, bytes_sent } = state
  const look = DESTINATION_LOOKS[status]
  const share = shareSent(state)
  const label = `${account}: ${look.label}`
  switch (status) {
    case 'uploaded': {
      const doubt =
        retention?.error != null
          ? `${texts.pruneFailed} ${retention.error.message}`
          : retention?.skipped != null
            ? texts.pruneSkipped[retention.skipped]
            : null
      const where = html`${remote_path}${finished_at === null ? null : html`<br>${timeTag(finished_at)}`}`
      const gone = goneAt === null ? null : html`<br>${texts.deleted} ${timeTag(goneAt)}`
      return {
        id,
        state: 'uploaded',
        icon: look.icon,
        label: goneAt === null ? label : `${label}, ${texts.deleted}`,
        warns: doubt !== null,
        isGone: goneAt !== null,
        details: html`${where}${gone}${doubt === null ? null : html`<br>${doubt}`}`,
      }
    }
    case 'failed':
    case 'cancelled':
      return { id, state: status, icon: look.icon, label, details: error === null ? null : error.message }
    case 'uploading':
    case 'retrying':
    case 'pending': {
      const isWaiting = status === 'pending'
      const sent = size === null || isWaiting ? null : html`${bytes(bytes_sent)} of ${bytes(size)}`
      return {
        id,
        state: isWaiting ? 'waiting' : status === 'retrying' ? 'retrying' : 'moving',
        icon: look.icon,
        label,
        ...(share === null ? {} : { shown: `${share}%` }),
        details: html`${sent}${error === null ? null : html`${sent === null ? null : html`<br>`}${error.message}`}`,
      }
    }
  }
}

function mark(view: MarkView): Markup {
  const { id, state, icon: name, label, shown, warns = false, isGone = false, details } = view
  return html`<span data-component="mark" data-state="${state}" ${warns ? html`data-warn` : null} ${isGone ? html`data-gone` : null} ${
    state === 'moving' ? html`data-spin` : null
  }><button type="button" id="mark-${id}" aria-describedby="tip-${id}">${icon(name)}<span data-component="visually-hidden">${label}</span>${
    shown === undefined ? null : html`<span>${shown}</span>`
  }</button><span role="tooltip" id="tip-${id}"><strong>${label}</strong>${
    details === null || details === '' ? null : html`<br>${details}`
  }</span></span>`
}
