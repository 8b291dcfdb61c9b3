// Whether everything is as it must be, seen from the clouds' side: each archive there once, of equal size and hash, the
// right copies kept, nothing left half sent. Pure.

import { isArchiveName } from '../../../workflows/archives/archive-name.ts'
import { deletedCount, formatBytes } from '../../../workflows/runs/destination.ts'
import type { CloudDouble } from '../../clouds/cloud-double.ts'
import type { ApiRun, ApiState } from '../api.ts'
import { BYSTANDER, type DemoInstance, namesInTheEnd, remoteFolder } from '../scenario.ts'
import type { Column } from '../screen/table.ts'
import type { LocalHashes } from './local-hashes.ts'

export type FinishedBackup = {
  readonly instance: string
  /** File name of the archive. */
  readonly archive: string
  /** Bytes. */
  readonly size: number
  readonly hashes: LocalHashes
  readonly run: ApiRun
}

/** What is asked of a cloud here. */
export type SeenCloud = Pick<CloudDouble, 'kind' | 'files' | 'openSessions'>

export type OutcomeRow = {
  readonly backup: FinishedBackup
  readonly state: ApiState
  /** The cloud's own hash of what arrived equals the archive's, and so does the one that the API shows. */
  readonly isHashEqual: boolean
}

export type Outcome = {
  readonly rows: readonly OutcomeRow[]
  /** One sentence for each thing that is not as it must be. */
  readonly problems: readonly string[]
}

export const OUTCOME_COLUMNS: readonly Column<OutcomeRow>[] = [
  { title: 'Instance', cell: ({ backup }) => backup.instance },
  { title: 'Archive', cell: ({ backup }) => backup.archive },
  { title: 'Destination', cell: ({ state }) => state.account },
  { title: 'Status', cell: ({ state }) => state.status },
  {
    title: 'Size',
    align: 'right',
    cell: ({ state }) => (state.size === null ? '–' : formatBytes(state.size)),
  },
  { title: 'Hash', cell: ({ isHashEqual }) => (isHashEqual ? 'equal' : 'WRONG') },
  {
    title: 'Deleted',
    align: 'right',
    cell: ({ state }) => String(state.retention === null ? 0 : deletedCount(state.retention)),
  },
  { title: 'Kept', align: 'right', cell: ({ state }) => String(state.retention?.kept ?? 'all') },
]

export function judge(
  backups: readonly FinishedBackup[],
  clouds: readonly SeenCloud[],
  instances: readonly DemoInstance[],
  now: Date,
): Outcome {
  const problems: string[] = []
  const rows = backups.flatMap((backup) => {
    const order = (state: ApiState) => clouds.findIndex(({ kind }) => kind === state.provider)
    const states = Object.values(backup.run.cloud_sync_status).sort((a, b) => order(a) - order(b))
    const expected = instances.find(({ slug }) => slug === backup.instance)?.bindings.length ?? 0
    const what = `${backup.instance}/${backup.archive}`
    if (states.length !== expected)
      problems.push(`${what} has ${states.length} destinations, not ${expected}`)
    if (backup.run.error !== null) problems.push(`${what}: ${backup.run.error.message}`)
    return states.map((state) => judgeCopy(backup, state, clouds, problems))
  })
  for (const instance of instances) {
    for (const binding of instance.bindings) {
      const cloud = clouds.find(({ kind }) => kind === binding.provider)
      const names = (cloud?.files(remoteFolder(instance.slug)) ?? []).map(({ path }) => nameIn(path))
      const archives = names.filter(isArchiveName).sort()
      const wanted = namesInTheEnd(instance, binding, now)
      const where = `${remoteFolder(instance.slug)} at ${binding.provider}`
      if (archives.join() !== wanted.join()) {
        problems.push(`${where} holds ${archives.join(', ') || 'nothing'}, not ${wanted.join(', ')}`)
      }
      if (!names.includes(BYSTANDER)) problems.push(`${where}: ${BYSTANDER} is gone, and is no archive`)
    }
  }
  for (const cloud of clouds) {
    const open = cloud.openSessions()
    if (open > 0) problems.push(`${cloud.kind} still holds ${open} unfinished uploads`)
  }
  return { rows, problems }
}

function judgeCopy(
  backup: FinishedBackup,
  state: ApiState,
  clouds: readonly SeenCloud[],
  problems: string[],
): OutcomeRow {
  const what = `${backup.instance}/${backup.archive} at ${state.account}`
  const files = clouds.find(({ kind }) => kind === state.provider)?.files(remoteFolder(backup.instance)) ?? []
  const copies = files.filter(({ hashes }) =>
    hashes.some(({ algorithm, value }) => backup.hashes[algorithm] === value),
  )
  const copy = copies.find(({ path }) => nameIn(path) === backup.archive)
  const isShownEqual = state.hash !== null && backup.hashes[state.hash.algorithm] === state.hash.value
  const isHashEqual = copy !== undefined && isShownEqual
  if (state.status !== 'uploaded')
    problems.push(`${what} is ${state.status}: ${state.error?.message ?? 'no reason given'}`)
  if (state.retention?.error) problems.push(`${what}: retention failed: ${state.retention.error.message}`)
  if (copies.length !== 1) problems.push(`${what} is there ${copies.length} times, not once`)
  if (copy !== undefined && copy.size !== backup.size)
    problems.push(`${what} has ${copy.size} bytes, not ${backup.size}`)
  if (!isHashEqual) problems.push(`${what}: the hash differs from that of the archive`)
  return { backup, state, isHashEqual }
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
