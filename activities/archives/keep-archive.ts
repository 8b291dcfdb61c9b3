// Finding an archive and linking it are one step: what is found is what is kept, and its other name may be deleted from then
// on. The row is written after the link: the sweep removes a link without a row, but a row without a link would be wrong.

import { basename, resolve } from 'node:path'
import type { KeptArchive } from '../../db/runs/kept-archives.ts'
import { StepError } from '../failures.ts'
import { findLeftLink, linkArchive, removeLink } from './archive-link.ts'
import { type ArchiveFile, findArchive, identify, realRoot } from './find-archive.ts'

/**
 * Finds the archive and makes a new link to it for this run, which is the caller's until a row names it. Where the archive
 * is gone, a link that an earlier request for the run left is what is kept. Throws StepError with the codes of `findArchive`.
 */
export async function keepArchive(backupRoot: string, runId: string, given: string): Promise<KeptArchive> {
  const { path, source } = await findSource(backupRoot, runId, given)
  const outcome = await linkArchive(backupRoot, runId, source.path)
  if (outcome.is === 'not_linkable') {
    const { size, mtime_ns } = source
    return {
      size,
      archive_path: path,
      archive_mtime_ns: mtime_ns,
      pin: 'original',
      pin_path: null,
      reason: outcome.reason,
    }
  }
  try {
    // Another file may have taken the name before the link was made: the linked file counts.
    const { size, mtime_ns } = await identify(outcome.path, given)
    return {
      size,
      archive_path: path,
      archive_mtime_ns: mtime_ns,
      pin: 'linked',
      pin_path: outcome.path,
      reason: null,
    }
  } catch (error) {
    await removeLink(outcome.path)
    throw error
  }
}

async function findSource(
  backupRoot: string,
  runId: string,
  given: string,
): Promise<{ path: string; source: ArchiveFile }> {
  try {
    const source = await findArchive(backupRoot, given)
    return { path: source.path, source }
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== 'archive_missing') throw error
    const left = await findLeftLink(backupRoot, runId, basename(given))
    if (left === null) throw error
    const path = resolve(await realRoot(backupRoot), given)
    return { path, source: { ...(await identify(left, given)), path: left } }
  }
}
