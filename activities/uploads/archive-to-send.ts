// The archive of a run as an upload needs it: where its bytes are read, and what it is called at the destination.

import { basename } from 'node:path'
import type { Run } from '../../db/schema.ts'
import { formatBytes } from '../../workflows/runs/destination.ts'
import { StepError } from '../failures.ts'
import type { Provider } from '../providers/provider.ts'

export type ArchiveToSend = {
  readonly path: string
  readonly name: string
  /** What it is called at the destination: the name of the file itself, for its link may have another one. */
  readonly remote_name: string
  readonly size: number
  readonly mtime_ns: string
}

/** The archive of a run as it was accepted. Throws StepError `run_unknown` where the database knows none. */
export function archiveOf(run: Run): ArchiveToSend {
  const path = run.pin_path ?? run.archive_path
  if (path === null || run.size === null || run.archive_mtime_ns === null) {
    throw new StepError('run_unknown', 'The database knows no archive of this run.')
  }
  return {
    path,
    name: run.archive,
    remote_name: basename(run.archive_path ?? path),
    size: run.size,
    mtime_ns: run.archive_mtime_ns,
  }
}

/** Throws StepError `archive_too_large`, which is known before the first byte (docs/providers.md, 0). */
export function refuseTooLarge(size: number, provider: Provider): void {
  const { maxFileBytes } = provider.limits
  if (size <= maxFileBytes) return
  throw new StepError(
    'archive_too_large',
    `The archive has ${formatBytes(size)}, and ${provider.kind} takes files of at most ${formatBytes(maxFileBytes)}.`,
  )
}
