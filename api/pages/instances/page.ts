// Instance Detail: whether the instance is safe, where its copies go (Cloud Sync Bindings), how much is stored there, and its
// newest runs.

import type { Run } from '../../../db/schema.ts'
import type { BindingView } from '../../../db/views/bindings.ts'
import type { InstanceView } from '../../../db/views/instances.ts'
import type { StoredDay } from '../../../db/views/stored-bytes.ts'
import { bytes, plural } from '../../ui/formats.ts'
import { actionButton, inputField } from '../../ui/forms.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { emptyState, pageHead } from '../../ui/page-parts.ts'
import { DESTINATION_LOOKS, pill } from '../../ui/status-words.ts'
import { timeOrDash, timeTag } from '../../ui/time-tag.ts'
import { tagBeside } from '../accounts/card.ts'
import { bindingTexts } from '../bindings/form.ts'
import { placeText, type RemotePlace } from '../bindings/remote-place.ts'
import { areaChart } from '../overview/chart.ts'
import { runRows } from '../runs/list.ts'
import { instanceListTexts, SAFETY_LOOKS } from './list.ts'

export const instanceTexts = {
  facts: {
    state: 'State',
    newest: 'Newest backup',
    safe: 'Newest safe backup',
    upload: 'Last successful upload',
    never: 'never',
  },
  bindings: 'Cloud Sync Bindings',
  noBindings: 'No cloud account is bound',
  noBindingsText: 'Backups of this instance are recorded but uploaded nowhere.',
  paused: 'paused',
  path: 'Folder at the provider',
  keep: 'Remote retention',
  keepsAll: 'keeps every copy',
  keepsLast: 'keep last',
  own: '(own files)',
  lastUpload: 'Last successful upload',
  newestRun: 'Newest run',
  edit: 'Edit',
  pause: 'Pause',
  resume: 'Resume',
  unbind: 'Delete',
  unbindText: 'The files at the destination and the history stay.',
  remoteFiles: 'Remote files now',
  showFiles: 'Show remote files',
  loading: 'The provider is being asked…',
  noFiles: 'There is nothing in this folder.',
  notArchive: 'no archive: retention leaves it alone',
  truncated: 'Only the newest are shown.',
  storage: 'Storage over time',
  storageTitle: 'Bytes of this instance at all destinations, last 60 days',
  storageSeries: 'Stored',
  storageTable: 'As a table',
  storageEmpty: 'Nothing has been uploaded yet.',
  runs: 'Run History',
  allRuns: 'All runs of this instance',
  settings: 'Instance',
  rename: 'Save Changes',
  delete: 'Delete instance',
  deleteText: 'It has no runs and no bindings: nothing else goes with it.',
  deleteRuns: 'It has runs, whose history is kept: it cannot be deleted.',
  deleteBound: 'It is bound to cloud accounts: delete those bindings first.',
  isPaused: 'is paused for',
  isResumed: 'takes backups again of',
} as const

type InstancePageView = {
  readonly instance: InstanceView
  readonly bindings: readonly BindingView[]
  readonly stored: readonly StoredDay[]
  readonly runs: readonly Run[]
  readonly mayWrite: boolean
  /** By account ID: where the copies of each binding lie. */
  readonly places: ReadonlyMap<string, RemotePlace>
  /** A new name that was refused, and why. */
  readonly rename: { readonly name: string; readonly fault: string } | null
}

export function instancePage(view: InstancePageView): Markup {
  const t = instanceTexts
  const { instance, bindings, runs, mayWrite } = view
  const { slug, name } = instance
  const bind = html`<a data-component="button" data-kind="primary" href="/instances/${slug}/bindings/new">${bindingTexts.bind}</a>`
  return html`${pageHead({ title: name, lead: html`<code>${slug}</code>`, back: { href: '/instances', label: instanceListTexts.title } })}
<section data-component="card" aria-label="${t.facts.state}"><dl data-component="facts">${facts(view)}</dl></section>
<section aria-labelledby="bindings-title"><div data-component="card-head"><h2 id="bindings-title">${t.bindings}</h2>${mayWrite && bindings.length > 0 ? bind : null}</div>
${
  bindings.length === 0
    ? html`<div data-component="card">${emptyState({ icon: 'cloud', title: t.noBindings, text: t.noBindingsText, ...(mayWrite ? { action: bind } : {}) })}</div>`
    : bindings.map((binding) => bindingCard(binding, view))
}</section>
${storageCard(view.stored)}
<section data-component="card" data-flush aria-labelledby="runs-title"><div data-component="card-head" data-padded><h2 id="runs-title">${t.runs}</h2><a href="/?instance=${slug}">${t.allRuns} →</a></div>${runRows(runs)}</section>
${mayWrite ? settingsCard(view) : null}`
}

function facts({ instance, bindings }: InstancePageView): Part {
  const t = instanceTexts.facts
  const uploads = bindings.flatMap(({ last_copy_at }) => (last_copy_at === null ? [] : [last_copy_at])).sort()
  const fact = (label: string, value: Part) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`
  const upload = uploads.at(-1)
  const run = (id: string | null, content: Part) =>
    id === null ? t.never : html`<a href="/runs/${encodeURIComponent(id)}">${content}</a>`
  return [
    fact(t.state, pill(SAFETY_LOOKS[instance.safety])),
    fact(t.newest, run(instance.newest_run_id, timeOrDash(instance.newest_at, 'ago'))),
    fact(t.safe, instance.last_safe_at === null ? t.never : timeTag(instance.last_safe_at, 'ago')),
    fact(t.upload, upload === undefined ? t.never : timeTag(upload, 'ago')),
  ]
}

function bindingCard(binding: BindingView, { instance, mayWrite, places }: InstancePageView): Markup {
  const t = instanceTexts
  const {
    id,
    instance_slug,
    account,
    account_id,
    provider,
    enabled,
    keep_last,
    retention_scope,
    newest_status,
  } = binding
  const address = `/instances/${instance_slug}/bindings/${id}`
  const fact = (label: string, value: Part) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`
  const keep =
    keep_last === null
      ? t.keepsAll
      : html`${t.keepsLast} ${keep_last} ${retention_scope === 'own' ? t.own : null}`
  const copy =
    binding.last_copy_at === null
      ? t.facts.never
      : html`${timeTag(binding.last_copy_at, 'ago')}${binding.last_copy_size === null ? null : `, ${bytes(binding.last_copy_size)}`}`
  const newest =
    newest_status === null || binding.newest_run_id === null
      ? '—'
      : html`<a href="/runs/${encodeURIComponent(binding.newest_run_id)}">${pill(DESTINATION_LOOKS[newest_status])}</a>`
  const place = places.get(account_id)
  return html`<article data-component="card" id="binding-${id}">
<header data-component="card-head"><div data-component="cluster"><h3><a href="/cloud/${account_id}">${account}</a></h3>${tagBeside(account, provider)}${
    enabled ? null : pill({ label: t.paused, icon: 'stop', kind: 'warning' })
  }</div>${
    mayWrite
      ? html`<div data-component="cluster"><a data-component="button" href="${address}">${t.edit}</a>${actionButton({ action: `${address}/enabled`, label: enabled ? t.pause : t.resume, fields: { enabled: String(!enabled) } })}${actionButton({ action: `${address}/delete`, label: t.unbind, kind: 'danger', confirm: `Delete the binding of ${instance.name} to ${account}? ${t.unbindText}` })}</div>`
      : null
  }</header>
<dl data-component="facts">${fact(t.newestRun, newest)}${fact(t.lastUpload, copy)}${fact(t.keep, keep)}<div data-wide><dt>${t.path}</dt><dd>${place === undefined ? html`<code>${binding.remote_path}</code>` : placeText(place)}</dd></div></dl>
<details data-component="more" id="files-of-${id}" hx-get="${address}/files" hx-trigger="toggle once" hx-target="find div"><summary>${t.remoteFiles}</summary><div><p data-component="muted"><a href="${address}/files">${t.showFiles}</a></p></div></details>
</article>`
}

type RemoteFilesView = {
  readonly folder: string
  readonly files: readonly {
    readonly name: string
    readonly size: number
    readonly uploaded_at: string
    readonly is_archive: boolean
  }[]
  readonly truncated: boolean
}

const MOST_FILES = 200

export function remoteFiles({ folder, files, truncated }: RemoteFilesView): Markup {
  const t = instanceTexts
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (files.length === 0) return html`<p><code>${folder}</code></p><p data-component="muted">${t.noFiles}</p>`
  return html`<p><code>${folder}</code> <span data-component="small">${plural(files.length, 'file')}, ${bytes(total)}</span></p>
<ul role="list" data-component="files">${files
    .slice(0, MOST_FILES)
    .map(
      ({ name, size, uploaded_at, is_archive }) =>
        html`<li><code>${name}</code><span data-component="small">${is_archive ? null : html`${t.notArchive}, `}${bytes(size)}, ${timeTag(uploaded_at)}</span></li>`,
    )}</ul>${truncated || files.length > MOST_FILES ? html`<p data-component="muted">${t.truncated}</p>` : null}`
}

function storageCard(stored: readonly StoredDay[]): Markup {
  const t = instanceTexts
  const values = stored.map((day) => day.bytes)
  const chart = values.some((value) => value > 0)
    ? areaChart({
        title: t.storageTitle,
        days: stored.map(({ day }) => day),
        series: [{ name: t.storageSeries, values }],
        tableLabel: t.storageTable,
      })
    : html`<p data-component="muted">${t.storageEmpty}</p>`
  return html`<section data-component="card" aria-labelledby="storage-title"><div data-component="card-head"><h2 id="storage-title">${t.storage}</h2><span data-component="muted">${bytes(values.at(-1) ?? 0)}</span></div>${chart}</section>`
}

function settingsCard({ instance, bindings, rename }: InstancePageView): Markup {
  const t = instanceTexts
  const { slug, name, newest_run_id } = instance
  const isBound = bindings.length > 0
  const button = actionButton({
    action: `/instances/${slug}/delete`,
    label: t.delete,
    kind: 'danger',
    isDisabled: isBound || newest_run_id !== null,
    confirm: `Delete ${name}?`,
  })
  const text = newest_run_id !== null ? t.deleteRuns : isBound ? t.deleteBound : t.deleteText
  return html`<section data-component="card" aria-labelledby="settings-title"><h2 id="settings-title">${t.settings}</h2><div data-component="stack">
<form data-component="form" method="post" action="/instances/${slug}">${inputField({ name: 'name', label: instanceListTexts.columns.name, value: rename?.name ?? name, isRequired: true, fault: rename?.fault })}<div><button data-component="button">${t.rename}</button></div></form>
<div data-component="stack"><p data-component="muted">${text}</p>${button}</div></div></section>`
}
