// The form that uploads a run again: one button for what failed, and a choice of destinations. A form without a choice is
// refused, because nothing is uploaded again unless somebody asks for it.

import type { Run } from '../../../db/schema.ts'
import type { BindingView } from '../../../db/views/bindings.ts'
import { checkbox } from '../../ui/forms.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { DESTINATION_LOOKS, deletedAt } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'
import type { RunView } from './view.ts'

const texts = {
  title: 'Re-upload',
  lead: 'Uploads the archive of this run again. The backup itself is not run again, and an upload session that still lives is continued.',
  choose: 'Choose destinations…',
  legend: 'Destinations that get it again',
  submit: 'Re-upload the chosen ones',
  deleted: 'deleted by retention',
} as const

export const NOTHING_CHOSEN = 'Choose the destinations that are to get it again.'

/** The value of the field `what` for everything that failed. */
export const ALL_FAILED = 'failed'

/** The enabled destinations that should have a copy but have none. */
export function lackingAccounts(run: Run, bindings: readonly BindingView[]): readonly string[] {
  const { cloud_status, cloud_sync_status, account_ids } = run
  const states = Object.keys(cloud_sync_status)
  // A run that ended before it had destinations lacks all of them.
  const owesAll = (cloud_status === 'failed' || cloud_status === 'cancelled') && states.length === 0
  return bindings
    .filter(({ enabled }) => enabled)
    .map(({ account_id }) => account_id)
    .filter((accountId) => {
      if (owesAll) return account_ids === null || account_ids.includes(accountId)
      const status = cloud_sync_status[accountId]?.status
      return status === 'failed' || status === 'cancelled'
    })
}

/** Shown only when nothing is open, because the API refuses it while something is. */
export function reuploadCard(view: RunView): Markup | null {
  const { run, bindings, principal } = view
  if (run.cloud_status === 'pending' || !principal.permissions.has('runs:write')) return null
  const choosable = bindings.filter((binding) => binding.enabled)
  if (choosable.length === 0) return null
  const lacking = lackingAccounts(run, bindings)
  const action = `/runs/${encodeURIComponent(run.id)}/reupload`
  return html`<section data-component="card" id="run-reupload" aria-labelledby="reupload-title"><div data-component="stack">
<div><h2 id="reupload-title">${texts.title}</h2><p data-component="muted">${texts.lead}</p></div>
${lacking.length === 0 ? null : failedForm(action, run, lacking)}
<details id="reupload-choice"><summary>${texts.choose}</summary>
<form data-component="form" data-needs-choice method="post" action="${action}">
<fieldset><legend>${texts.legend}</legend>${choosable.map(({ account_id, account }) =>
    checkbox({
      name: 'account_ids',
      id: `reupload-${account_id}`,
      value: account_id,
      label: html`${account}${stateOf(view, account_id)}`,
      isOn: lacking.includes(account_id),
    }),
  )}</fieldset>
<div><button data-component="button">${texts.submit}</button></div>
</form></details></div></section>`
}

function failedForm(action: string, run: Run, lacking: readonly string[]): Markup {
  return html`<form id="reupload-failed" method="post" action="${action}"><input type="hidden" name="what" value="${ALL_FAILED}"><button data-component="button" data-kind="primary">${failedLabel(run, lacking)}</button></form>`
}

/** 'Re-upload the 2 failed'. */
function failedLabel({ cloud_status, cloud_sync_status }: Run, lacking: readonly string[]): string {
  // A destination without a state had not begun when the run ended.
  const statuses = lacking.map((id) => cloud_sync_status[id]?.status ?? cloud_status)
  const cancelled = statuses.filter((status) => status === 'cancelled').length
  const words =
    cancelled === 0 ? 'failed' : cancelled === lacking.length ? 'cancelled' : 'failed or cancelled'
  return `${texts.title} the ${lacking.length} ${words}`
}

function stateOf({ run, copies }: RunView, accountId: string): Part {
  const state = run.cloud_sync_status[accountId]
  if (state === undefined) return null
  const goneAt = deletedAt(copies, run.id, accountId, state)
  const gone = goneAt === null ? null : html`, ${texts.deleted} ${timeTag(goneAt)}`
  return html` <span data-component="muted">(${DESTINATION_LOOKS[state.status].label}${gone})</span>`
}
