// How the progress of all destinations reads: bars for a terminal, lines of news for everything else. Pure.

import { deletedCount, formatBytes } from '../../../workflows/runs/destination.ts'
import type { ApiState } from '../api.ts'
import { fit } from './screen.ts'

export type BackupProgress = {
  readonly instance: string
  /** File name of the archive. */
  readonly archive: string
  /** Bytes. */
  readonly size: number
  readonly destinations: readonly ApiState[]
}

const MARKS = {
  pending: '·',
  uploading: '↑',
  retrying: '↻',
  uploaded: '✓',
  failed: '✗',
  cancelled: '✗',
} as const

const WORDS_WIDTH = 30
const SHORTEST_BAR = 8
const LONGEST_BAR = 50

/** A line for each backup and one for each of its destinations, none wider than `width` columns. */
export function progressLines(backups: readonly BackupProgress[], width: number): string[] {
  const names = backups.flatMap(({ destinations }) => destinations.map(({ account }) => account.length))
  const nameWidth = Math.max(0, ...names)
  // Four columns before the name, one after it, seven for the percentage, two before the words.
  const bar = Math.min(LONGEST_BAR, Math.max(SHORTEST_BAR, width - 4 - nameWidth - 1 - 7 - 2 - WORDS_WIDTH))
  return backups.flatMap(({ instance, archive, size, destinations }) => [
    `${instance}/${archive}  ${formatBytes(size)}`,
    ...destinations.map((state) => {
      const share = shareOf(state, size)
      const percent = `${Math.floor(100 * share)} %`.padStart(6)
      const name = state.account.padEnd(nameWidth)
      return fit(
        `  ${MARKS[state.status]} ${name} ${barOf(share, bar)} ${percent}  ${wordsOf(state, size)}`,
        width,
      )
    }),
  ])
}

/** What is new since the last call, as lines: every change of state, and each quarter of an upload. */
export function createNews(): (backups: readonly BackupProgress[]) => string[] {
  const told = new Map<string, string>()
  return (backups) =>
    backups.flatMap(({ instance, archive, size, destinations }) =>
      destinations.flatMap((state) => {
        if (state.status === 'pending') return []
        const quarter = Math.floor(4 * shareOf(state, size)) * 25
        const words = state.status === 'uploading' ? `${quarter} %` : wordsOf(state, size)
        const key = `${instance}/${archive} → ${state.account}`
        if (told.get(key) === words) return []
        told.set(key, words)
        return [`${MARKS[state.status]} ${key}: ${words}`]
      }),
    )
}

function shareOf({ status, bytes_sent }: ApiState, size: number): number {
  if (status === 'uploaded') return 1
  return size === 0 ? 0 : Math.min(1, bytes_sent / size)
}

/** Eighths of a character, so that the bar moves evenly. */
function barOf(share: number, width: number): string {
  const eighths = Math.floor(share * width * 8)
  const full = Math.floor(eighths / 8)
  const part = full < width ? (['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '') : ''
  return `${'█'.repeat(full)}${part}`.padEnd(width, '░')
}

function wordsOf(state: ApiState, size: number): string {
  const { status, error, retention } = state
  const sent = Math.min(state.bytes_sent, size)
  if (status === 'pending') return error?.code === 'account_busy' ? 'waits for its turn' : 'waits'
  if (status === 'uploading') {
    return sent >= size ? 'all sent, being verified' : `${formatBytes(sent)} sent`
  }
  if (status === 'retrying') return `tries again: ${error?.code.replaceAll('_', ' ') ?? 'a fault'}`
  if (status === 'failed') return `failed: ${error?.message ?? 'no reason given'}`
  if (status === 'cancelled') return 'cancelled'
  if (retention === null) return 'whole, verified'
  if (retention.error !== null) return `verified; retention: ${retention.error.code.replaceAll('_', ' ')}`
  if (retention.skipped !== null) return `verified; not pruned: ${retention.skipped.replaceAll('_', ' ')}`
  return `verified; ${deletedCount(retention)} deleted, ${retention.kept} kept`
}
