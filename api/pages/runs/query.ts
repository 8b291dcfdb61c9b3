// The filters of Run History in an address. They are those of the API, but with days instead of moments. Days are in the time
// zone that the browser names, and otherwise in UTC.

import type { RunFilter } from '../../../db/runs/history.ts'
import { invalidInput } from '../../http/problem.ts'
import { fieldErrors } from '../../http/validation.ts'
import { runQuery } from '../../schemas/runs.ts'

const RUN_FILTERS = ['q', 'instance', 'status', 'account', 'from', 'to'] as const

const DAY = /^\d{4}-\d{2}-\d{2}$/
const DAY_MS = 86_400_000

export type HistoryQuery = {
  readonly filter: RunFilter
  /** The cursor of the run after which the page begins. */
  readonly cursor: string | undefined
  /** The cursor of the run before which the page ends. */
  readonly newer: string | undefined
}

/** Ignores empty fields of the form. Throws a 422 that names the wrong ones. */
export function historyQuery(query: URLSearchParams): HistoryQuery {
  const given = Object.fromEntries([...query].filter(([, value]) => value.trim() !== ''))
  const { zone = 'UTC', from, to, newer, ...rest } = given
  if (!isZone(zone))
    throw invalidInput([{ path: 'zone', message: 'must be a time zone such as Europe/Vienna' }])
  const parsed = runQuery.safeParse({
    ...rest,
    ...(from === undefined ? {} : { from: momentOf(from, zone, 0) }),
    // The last day is part of the range.
    ...(to === undefined ? {} : { to: momentOf(to, zone, 1) }),
  })
  if (!parsed.success) throw invalidInput(fieldErrors(parsed.error))
  const { account, live: _live, limit: _limit, q, cursor, ...filter } = parsed.data
  return { filter: { ...filter, account_id: account, search: q, with_open_failures: true }, cursor, newer }
}

/** True when at least one filter is set. */
export function isFiltered(query: URLSearchParams): boolean {
  return RUN_FILTERS.some((name) => (query.get(name) ?? '').trim() !== '')
}

/** The address without cursors and without messages that are shown once. */
export function filtersOf(query: URLSearchParams): URLSearchParams {
  const kept: readonly string[] = [...RUN_FILTERS, 'zone']
  return new URLSearchParams([...query].filter(([name, value]) => kept.includes(name) && value.trim() !== ''))
}

/** The beginning of the day that is `later` days after the given one. Text that is no day stays as it is. */
function momentOf(text: string, zone: string, later: number): string {
  const utc = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 10) !== text) return text
  const wanted = utc + later * DAY_MS
  // Computed twice, because the clocks may change between the first guess and the beginning of the day.
  const guess = wanted - offsetMs(wanted, zone)
  return new Date(wanted - offsetMs(guess, zone)).toISOString()
}

/** How far the clocks of a zone are ahead of UTC. */
function offsetMs(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((one) => one.type === type)?.value ?? 0)
  const shown = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return shown - Math.floor(at / 1000) * 1000
}

function isZone(zone: string): boolean {
  try {
    return zone.length <= 64 && new Intl.DateTimeFormat('en-US', { timeZone: zone }) !== null
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
