// The thin notice over every page that uploads stand still, and why.

import type { Standstill } from '../../operation/standstill.ts'
import { messageBox } from '../../ui/layout.ts'
import { html, type Markup } from '../../ui/markup.ts'
import { timeTag } from '../../ui/time-tag.ts'

const texts = {
  lead: 'Uploads stand still:',
  causes: {
    temporal: 'Temporal does not answer, at least since',
    workers: 'no worker asks Temporal for work, at least since',
  },
  after: 'They go on by themselves when it is back.',
} as const

export function standstillNotice(standstill: Standstill | null): Markup | null {
  if (standstill === null) return null
  const { cause, since } = standstill
  const text = html`<strong>${texts.lead}</strong> ${texts.causes[cause]} ${timeTag(since)}. ${texts.after}<input type="hidden" name="shown" value="${keyOf(standstill)}">`
  return messageBox({ kind: 'danger', text })
}

/** Identifies the notice; a page sends it along when it asks again. */
export function keyOf(standstill: Standstill | null): string {
  return standstill === null ? '' : `${standstill.cause} ${standstill.since}`
}
