// Entries of the audit trail as a table, on the page of the audit and on the page of a run. On a run's page, accounts have
// their names, and only the newest entries are open.

import { z } from 'zod'
import type { AuditEntry } from '../../../db/schema.ts'
import { bytes, plural } from '../../ui/formats.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { timeTag } from '../../ui/time-tag.ts'

const texts = {
  columns: {
    at: 'Time',
    actor: 'Who',
    event: 'What',
    of: 'Of',
    destination: 'Destination',
    details: 'Details',
  },
  run: 'run',
  older: (count: number) => `${plural(count, 'older entry', 'older entries')}`,
} as const

/** So many entries of a run are shown at once; the older ones are folded. */
const SHOWN = 10
const HASH_SHOWN = 8

/** Names of accounts by their IDs. */
type AccountNames = ReadonlyMap<string, string>

const NO_NAMES: AccountNames = new Map()

export function auditTable(entries: readonly AuditEntry[]): Markup {
  const t = texts.columns
  return html`<table data-cards role="table"><thead role="rowgroup"><tr role="row">${heads([t.at, t.actor, t.event, t.of, t.details])}</tr></thead>
<tbody role="rowgroup">${entries.map(
    (
      entry,
    ) => html`<tr role="row">${beginning(entry)}<td role="cell" ${entry.instance_slug === null && entry.run_id === null ? html`data-empty` : null}>${subject(entry)}</td>
<td role="cell">${detailList(entry.details, NO_NAMES)}</td></tr>`,
  )}</tbody></table>`
}

/** The entries of one run, newest first. */
export function runAudit(entries: readonly AuditEntry[], names: AccountNames): Markup {
  const older = entries.slice(SHOWN)
  return html`${runEntries(entries.slice(0, SHOWN), names)}${
    older.length === 0
      ? null
      : html`<details id="audit-older" data-component="fold"><summary>${texts.older(older.length)}</summary>${runEntries(older, names)}</details>`
  }`
}

function runEntries(entries: readonly AuditEntry[], names: AccountNames): Markup {
  const t = texts.columns
  return html`<table data-cards role="table"><thead role="rowgroup"><tr role="row">${heads([t.at, t.actor, t.event, t.destination, t.details])}</tr></thead>
<tbody role="rowgroup">${entries.map((entry) => {
    const name = entry.account_id === null ? null : (names.get(entry.account_id) ?? entry.account_id)
    return html`<tr role="row" id="audit-${entry.id}">${beginning(entry)}<td role="cell" data-label="${t.destination}" ${name === null ? html`data-empty` : null}>${name}</td>
<td role="cell">${detailList(entry.details, names)}</td></tr>`
  })}</tbody></table>`
}

function heads(names: readonly string[]): Part {
  return names.map((name) => html`<th role="columnheader">${name}</th>`)
}

function beginning({ at, actor, event }: AuditEntry): Markup {
  return html`<td role="cell">${timeTag(at)}</td><td role="cell" data-label="${texts.columns.actor}">${actor}</td>
<th role="rowheader" scope="row" data-component="event">${eventName(event)}</th>`
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

function detailList(details: AuditEntry['details'], names: AccountNames): Markup | null {
  const shown = Object.entries(details).filter(([, value]) => value !== null && value !== '')
  if (shown.length === 0) return null
  return html`<dl data-component="details">${shown.map(
    ([name, value]) =>
      html`<div><dt>${detailName(name, names)}</dt><dd>${detailText(name, value, names)}</dd></div>`,
  )}</dl>`
}

function detailName(name: string, names: AccountNames): string {
  const isNamed = names.size > 0 && (name === 'accounts' || name === 'account_ids')
  return isNamed ? 'destinations' : name.replaceAll('_', ' ')
}

function detailText(name: string, value: unknown, names: AccountNames): Part {
  if (typeof value === 'number' && /^(size|bytes|.*_bytes)$/.test(name)) return bytes(value)
  if (typeof value === 'string') return names.get(value) ?? value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) {
    return value.map((one) => names.get(one) ?? one).join(', ')
  }
  const hash = hashDetail.safeParse(value)
  if (hash.success) {
    const { algorithm, value: digits } = hash.data
    return html`${algorithm} <code title="${digits}">${digits.slice(0, HASH_SHOWN)}…</code>`
  }
  const error = errorDetail.safeParse(value)
  return error.success ? html`${error.data.message} <code>${error.data.code}</code>` : JSON.stringify(value)
}

const hashDetail = z.object({ algorithm: z.string(), value: z.string() })
const errorDetail = z.object({ code: z.string(), message: z.string() })
