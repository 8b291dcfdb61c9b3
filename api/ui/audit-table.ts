// Entries of the audit trail as a table: on a page of their own, and beside the run or instance that they are about.

import type { AuditEntry } from '../../db/schema.ts'
import { bytes } from './formats.ts'
import { html, type Markup } from './markup.ts'
import { timeTag } from './time-tag.ts'

const texts = {
  columns: { at: 'Time', actor: 'Who', event: 'What', of: 'Of', details: 'Details' },
  run: 'run',
} as const

export function auditTable(
  entries: readonly AuditEntry[],
  options: { readonly ofRun?: boolean } = {},
): Markup {
  const isOfRun = options.ofRun === true
  const t = texts.columns
  const head = [t.at, t.actor, t.event, ...(isOfRun ? [] : [t.of]), t.details]
  return html`<table data-cards role="table"><thead role="rowgroup"><tr role="row">${head.map((name) => html`<th role="columnheader">${name}</th>`)}</tr></thead>
<tbody role="rowgroup">${entries.map(
    (
      entry,
    ) => html`<tr role="row"><td role="cell">${timeTag(entry.at)}</td><td role="cell" data-label="${t.actor}">${entry.actor}</td>
<th role="rowheader" scope="row" data-component="event">${eventName(entry.event)}</th>${isOfRun ? null : html`<td role="cell" ${entry.instance_slug === null && entry.run_id === null ? html`data-empty` : null}>${subject(entry)}</td>`}
<td role="cell">${detailList(entry.details)}</td></tr>`,
  )}</tbody></table>`
}

/** 'upload_verified' → 'upload verified'. */
export function eventName(event: string): string {
  return event.replaceAll('_', ' ')
}

function subject({ instance_slug, run_id }: AuditEntry): Markup {
  return html`${instance_slug === null ? null : html`<a href="/instances/${instance_slug}">${instance_slug}</a> `}${
    run_id === null ? null : html`<a href="/runs/${encodeURIComponent(run_id)}">${texts.run}</a>`
  }`
}

function detailList(details: AuditEntry['details']): Markup | null {
  const shown = Object.entries(details).filter(([, value]) => value !== null && value !== '')
  if (shown.length === 0) return null
  return html`<dl data-component="details">${shown.map(
    ([name, value]) =>
      html`<div><dt>${name.replaceAll('_', ' ')}</dt><dd>${detailText(name, value)}</dd></div>`,
  )}</dl>`
}

function detailText(name: string, value: unknown): string {
  if (typeof value === 'number' && /^(size|bytes|.*_bytes)$/.test(name)) return bytes(value)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : JSON.stringify(value)
}
