// The form that binds a cloud account to an instance: where its copies go and how many stay. The preview beside it shows the
// folder, and what a prune would delete there now.

import type { Account } from '../../../db/accounts/accounts.ts'
import { RETENTION_SCOPES } from '../../../workflows/types.ts'
import { type ApiProblem, faultOf } from '../../ui/api-call.ts'
import { bytes, plural } from '../../ui/formats.ts'
import { checkbox, inputField, selectField } from '../../ui/forms.ts'
import { messageBox } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { pageHead } from '../../ui/page-parts.ts'
import { PROVIDER_NAMES } from '../../ui/status-words.ts'
import { timeTag } from '../../ui/time-tag.ts'
import { placeText, type RemotePlace } from './remote-place.ts'
import type { BindingValues } from './values.ts'

export const bindingTexts = {
  bind: '+ Bind Cloud Account',
  bindTitle: 'Bind Cloud Account',
  editTitle: 'Binding of',
  account: 'Cloud account',
  noAccount: 'Every cloud account is bound to this instance already, or there is none yet.',
  addAccount: 'Add Cloud Account',
  remotePath: 'Remote path',
  pathHint:
    'Below the folder or remote path of the account. {instance_slug} and {database} stand for the names of the run.',
  enabled: 'Enabled',
  enabledHint: 'Off pauses: runs that start from now on leave this destination out.',
  keepLast: 'Remote retention: keep last N',
  keepHint: 'Left empty: every copy stays. The last copies are never deleted.',
  scope: 'What counts',
  scopes: {
    folder: 'every archive in the folder',
    own: 'only files that this program uploaded',
  },
  save: 'Bind',
  saveChanges: 'Save Changes',
  preview: 'Preview',
  previewTitle: 'What this means now',
  resolved: 'Folder',
  database: '(the database of the run)',
  keepsAll: 'Every copy stays: nothing is deleted.',
  guard: 'Nothing would be deleted: the guard stops a prune that would delete every archive.',
  now: 'As things stand now,',
  nothing: 'nothing would be deleted.',
  wouldDelete: 'would be deleted.',
  stays: 'would stay',
  afterUpload: 'Retention runs after each upload, and the new copy takes one of the places:',
  afterUploadOne: 'Retention runs after each upload, and the new copy takes the only place:',
  goesToo: 'goes then too.',
  hasRoom: 'Retention runs after each upload; there is room for the next copy.',
  nested:
    'The remote path of the account ends in odoo-backups already: with this path the copies go to odoo-backups in odoo-backups. /{instance_slug}/ is enough here.',
  tryAgain: 'Try again',
  truncated: 'There are more than are shown.',
} as const

type BindingFormView = {
  readonly slug: string
  /** Null for a new one. */
  readonly bindingId: string | null
  readonly accounts: readonly Account[]
  readonly values: BindingValues
  readonly problem: ApiProblem | null
  readonly preview: Part
}

export function bindingPage(view: BindingFormView): Markup {
  const t = bindingTexts
  const { slug, bindingId, accounts } = view
  const chosen = accounts.find(({ id }) => id === view.values.account_id)
  const title = bindingId === null ? t.bindTitle : `${t.editTitle} ${chosen?.name ?? ''}`
  const head = pageHead({ title, back: { href: `/instances/${slug}`, label: slug } })
  if (bindingId === null && accounts.length === 0) {
    return html`${head}<div data-component="card"><p>${t.noAccount}</p><p><a data-component="button" data-kind="primary" href="/cloud/new">${t.addAccount}</a></p></div>`
  }
  return html`${head}<div data-component="columns">${form(view)}<section data-component="card" aria-labelledby="preview-title"><h2 id="preview-title">${t.previewTitle}</h2><div id="preview" role="status" aria-live="polite">${view.preview}</div></section></div>`
}

function form({ slug, bindingId, accounts, values, problem }: BindingFormView): Markup {
  const t = bindingTexts
  const address = `/instances/${slug}/bindings/${bindingId ?? 'new'}`
  const general = problem !== null && problem.errors.length === 0 ? problem.detail : null
  return html`<form id="binding-form" data-component="card" method="post" action="${address}" hx-get="${address}" hx-target="#preview" hx-trigger="change, input delay:600ms" hx-sync="this:replace">
<div data-component="form">
${general === null ? null : messageBox({ kind: 'danger', text: general })}
${
  bindingId === null
    ? selectField({
        name: 'account_id',
        label: t.account,
        value: values.account_id,
        choices: accounts.map(({ id, name, provider }) => ({
          value: id,
          label: `${name} (${PROVIDER_NAMES[provider]})`,
        })),
        fault: faultOf(problem, 'account_id'),
      })
    : html`<input type="hidden" name="account_id" value="${values.account_id}">`
}
${inputField({ name: 'remote_path', label: t.remotePath, value: values.remote_path, hint: t.pathHint, isRequired: true, fault: faultOf(problem, 'remote_path') })}
<div>${checkbox({ name: 'enabled', label: t.enabled, isOn: values.enabled })}<div data-component="hint">${t.enabledHint}</div></div>
${inputField({ name: 'keep_last', label: t.keepLast, type: 'number', min: 1, value: values.keep_last, hint: t.keepHint, fault: emptyWords(faultOf(problem, 'keep_last')) })}
${selectField({ name: 'retention_scope', label: t.scope, value: values.retention_scope, choices: RETENTION_SCOPES.map((scope) => ({ value: scope, label: t.scopes[scope] })) })}
<div data-component="cluster"><button data-component="button" data-kind="primary">${bindingId === null ? t.save : t.saveChanges}</button><button data-component="button" formmethod="get" formnovalidate>${t.preview}</button></div>
</div></form>`
}

type PreviewedFile = { readonly name: string; readonly size: number; readonly uploaded_at: string }

type PreviewView = {
  readonly place: RemotePlace
  /** Null: every copy stays. */
  readonly plan: {
    readonly keep_last: number
    readonly delete: readonly PreviewedFile[]
    readonly keep: readonly PreviewedFile[]
    readonly guard: 'would_delete_all' | null
    readonly truncated: boolean
  } | null
  readonly fault: string | null
  /** The address of the preview; null where asking again would not help. */
  readonly retry: string | null
}

const MOST_SHOWN = 50

export function previewPart({ place, plan, fault, retry }: PreviewView): Markup {
  const t = bindingTexts
  const again =
    retry === null
      ? null
      : html`<div><button form="binding-form" data-component="button" formmethod="get" formaction="${retry}" formnovalidate hx-get="${retry}" hx-include="#binding-form" hx-target="#preview" hx-disabled-elt="this">${t.tryAgain}</button></div>`
  return html`<div data-component="stack"><dl data-component="facts"><div data-wide><dt>${t.resolved}</dt><dd>${placeText(place)}</dd></div></dl>
${place.isNested ? messageBox({ kind: 'warning', text: t.nested }) : null}
${fault === null ? null : messageBox({ kind: 'danger', text: fault })}${again}
${plan === null ? (fault === null ? html`<p>${t.keepsAll}</p>` : null) : planPart(plan)}</div>`
}

type Plan = NonNullable<PreviewView['plan']>

function planPart(plan: Plan): Markup {
  const t = bindingTexts
  const files = plan.delete.slice(0, MOST_SHOWN)
  const headline =
    plan.guard !== null
      ? messageBox({ kind: 'warning', text: t.guard })
      : plan.delete.length === 0
        ? html`<p>${t.now} ${t.nothing}</p>`
        : messageBox({
            kind: 'warning',
            text: html`${t.now} <strong>${plural(plan.delete.length, 'file')}</strong> ${t.wouldDelete}`,
          })
  return html`${headline}${files.length === 0 ? null : html`<ul role="list" data-component="files">${files.map(fileLine)}</ul>`}
<p data-component="muted">${plural(plan.keep.length, 'file')} ${t.stays}. ${plan.truncated || plan.delete.length > MOST_SHOWN ? t.truncated : null}</p>
${plan.guard === null ? html`<p>${nextUpload(plan)}</p>` : null}`
}

/** The plan after the next upload, whose copy counts too. */
function nextUpload({ keep, keep_last }: Plan): Markup {
  const t = bindingTexts
  const lead = keep_last === 1 ? t.afterUploadOne : t.afterUpload
  const going = filesOfNextUpload(keep, keep_last)
  if (going.length === 0) return html`${t.hasRoom}`
  return html`${lead} ${going.map(({ name }) => html`<code>${name}</code> `)}${t.goesToo}`
}

/** The files that stay now but would be deleted after the next upload; newest first. */
export function filesOfNextUpload<T>(keep: readonly T[], keepLast: number): readonly T[] {
  return keep.slice(keepLast - 1)
}

/** "Keep all" is null in the API's words and an empty field in a form. */
export function emptyWords(fault: string | null): string | null {
  return (
    fault
      ?.replace('or null to keep all', 'or empty to keep all')
      .replace('null keeps all', 'empty keeps all') ?? null
  )
}

function fileLine({ name, size, uploaded_at }: PreviewedFile): Markup {
  return html`<li><code>${name}</code><span data-component="small">${bytes(size)}, ${timeTag(uploaded_at)}</span></li>`
}
