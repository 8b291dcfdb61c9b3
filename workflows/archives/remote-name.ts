// Names at the destination: the binding's folder with its placeholders filled in, and the archive's own name or,
// where another file holds that, one with the run's short ID in it (design.md, rule 2 and "A binding's remote_path").

import { plainRunId, shortRunId } from '../workflow-ids.ts'

export const DATABASE_PLACEHOLDER = '{database}'

/** '/odoo-backups/acme/' and the like → '/odoo-backups/acme'. Null when the path needs a database and there is none. */
export function resolveFolder(
  remotePath: string,
  instanceSlug: string,
  database: string | null,
): string | null {
  if (remotePath.includes(DATABASE_PLACEHOLDER) && database === null) return null
  const filled = remotePath
    .replaceAll('{instance_slug}', instanceSlug)
    // By a function: '$&' and the like in the name of a database are to stay as they are.
    .replaceAll(DATABASE_PLACEHOLDER, () => database ?? '')
  return `/${filled.split('/').filter(Boolean).join('/')}`
}

/** Names up to this length (UTF-16 units) are taken everywhere; a mark must not make one longer. */
const MAX_NAME_LENGTH = 255

/**
 * The names that an archive may have, best first: its own; with the run's short ID ('acme.dump' of run 'r7' →
 * 'acme.r7.dump'); and, should another file of other content hold that one as well, with the whole ID. Where the mark would
 * make a name longer than 255 characters, the end of its stem gives way.
 */
export function namesForRun(name: string, runId: string): readonly string[] {
  const type = /\.(zip|dump|tar\.gz)$/i.exec(name)?.[0] ?? ''
  const stem = name.slice(0, name.length - type.length)
  const marks = new Set([shortRunId(runId), plainRunId(runId)])
  const marked = [...marks].map((mark) => {
    const end = `.${mark}${type}`
    const room = Math.max(MAX_NAME_LENGTH, name.length) - end.length
    // Never half of a character.
    return `${stem.slice(0, room).replace(/[\uD800-\uDBFF]$/, '')}${end}`
  })
  return [name, ...marked]
}
