// The check of `cloudSyncWorkflow`'s argument. Any client may start the workflow, so the check runs at the beginning of the
// workflow as well as in the API. It uses no schema library, which keeps the bundle small.

import type { CloudSyncInput } from '../types.ts'
import { INSTANCE_SLUG, RUN_ID } from '../workflow-ids.ts'

export type InputIssue = { readonly path: string; readonly message: string }
type ParsedInput =
  | { readonly ok: true; readonly input: CloudSyncInput }
  | { readonly ok: false; readonly issues: readonly InputIssue[] }

const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$/
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)$/
const KNOWN_FIELDS = new Set([
  'run_id',
  'instance',
  'archive',
  'database',
  'finished_at',
  'archive_task_queue',
  'account_ids',
])

/** Says of every wrong field what it must be. Null counts as not given. */
export function parseCloudSyncInput(value: unknown): ParsedInput {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      ok: false,
      issues: [
        { path: '', message: 'must be one object such as {"instance":"acme","archive":"acme/x.dump"}' },
      ],
    }
  }
  const given = value as Readonly<Record<string, unknown>>
  const issues: InputIssue[] = []
  const need = (path: string, ok: boolean, message: string) => {
    if (!ok) issues.push({ path, message })
  }
  const optionalText = (path: string, pattern: RegExp, message: string) => {
    const field = given[path]
    if (field === undefined || field === null) return
    need(path, typeof field === 'string' && pattern.test(field), message)
  }
  need(
    'instance',
    typeof given.instance === 'string' && INSTANCE_SLUG.test(given.instance),
    'must be the slug of an instance: lower-case letters, digits, "-" and "_", at most 64',
  )
  const archive = given.archive
  need(
    'archive',
    typeof archive === 'string' && archive.trim() !== '' && isName(archive) && archive.length <= 4096,
    'must be the path of the archive, relative to BACKUP_ROOT or absolute beneath it',
  )
  optionalText(
    'run_id',
    RUN_ID,
    'must be 1 to 128 letters, digits or . _ : @ + - and begin with a letter or digit',
  )
  optionalText(
    'database',
    /^[^/\\\p{Cc}]{1,128}$/u,
    'must be the name of a database: at most 128 characters, no slash',
  )
  const isDatabase =
    typeof given.database !== 'string' || (isName(given.database) && !/^\.{1,2}$/.test(given.database))
  need('database', isDatabase, 'must be the name of a database')
  optionalText('finished_at', RFC3339, 'must be a time such as 2026-11-23T02:10:00Z')
  if (typeof given.finished_at === 'string' && RFC3339.test(given.finished_at)) {
    need('finished_at', isTime(given.finished_at), 'must be a time that exists')
  }
  optionalText('archive_task_queue', QUEUE_NAME, 'must be the name of a task queue such as cloud-host7')
  const accountIds = given.account_ids
  if (accountIds !== undefined && accountIds !== null) {
    const isList = Array.isArray(accountIds) && accountIds.every((id) => typeof id === 'string' && id !== '')
    need('account_ids', isList && accountIds.length > 0, 'must be a list of at least one account ID')
  }
  for (const path of Object.keys(given)) need(path, KNOWN_FIELDS.has(path), 'is not a field of this input')
  return issues.length === 0 ? { ok: true, input: given as CloudSyncInput } : { ok: false, issues }
}

/** Text that a file system and a database can hold as it is. */
function isName(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Date.parse takes the 30th of February for the 2nd of March; PostgreSQL takes no year 0 and no offset above 15:59. */
function isTime(text: string): boolean {
  const [day, offset] = [text.slice(0, 10), /[+-](\d\d):?(\d\d)$/.exec(text)]
  const midnight = Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(Date.parse(text)) || Number.isNaN(midnight) || day.startsWith('0000')) return false
  const isDay = new Date(midnight).toISOString().startsWith(day)
  return isDay && (offset === null || (Number(offset[1]) <= 15 && Number(offset[2]) <= 59))
}
