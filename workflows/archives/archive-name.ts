// What an archive may be called: the file types that are taken, and the names at the destination, which are the archive's
// own or, where another file has that one, one with the run's ID in it (docs/design.md, rule 2).

import { plainRunId, shortRunId } from '../workflow-ids.ts'

const ARCHIVE_TYPE = /\.(zip|dump|tar\.gz)$/i

/** True for the file types that this program uploads, counts and deletes: .zip, .dump and .tar.gz. */
export function isArchiveName(name: string): boolean {
  return ARCHIVE_TYPE.test(name)
}

/** Every provider takes names up to this length (in UTF-16 units); the run's ID must not make one longer. */
const MAX_NAME_LENGTH = 255

/**
 * The names that an archive may have, best first: its own; with the run's short ID ('acme.dump' of run 'r7' →
 * 'acme.r7.dump'); and with the whole ID, for the case that another file has that name as well. Where the ID would make a
 * name longer than 255 characters, the end of its stem is cut off.
 */
export function namesForRun(name: string, runId: string): readonly string[] {
  const type = ARCHIVE_TYPE.exec(name)?.[0] ?? ''
  const stem = name.slice(0, name.length - type.length)
  const marks = new Set([shortRunId(runId), plainRunId(runId)])
  const marked = [...marks].map((mark) => {
    const end = `.${mark}${type}`
    const room = Math.max(MAX_NAME_LENGTH, name.length) - end.length
    // Half of a surrogate pair is cut off as well.
    return `${stem.slice(0, room).replace(/[\uD800-\uDBFF]$/, '')}${end}`
  })
  return [name, ...marked]
}
