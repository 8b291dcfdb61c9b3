// Names at the destination: the binding's folder with its placeholders filled in, and the archive's own name or,
// where another file holds that, one with the run's short ID in it (design.md, rule 2 and "A binding's remote_path").

import { plainRunId, shortRunId } from './workflow-ids.ts'

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

/**
 * The names that an archive may have, best first: its own; with the run's short ID ('acme.dump' of run 'r7' →
 * 'acme.r7.dump'); and, should another file of other content hold that one as well, with the whole ID.
 */
export function namesForRun(name: string, runId: string): readonly string[] {
  const type = /\.(zip|dump|tar\.gz)$/i.exec(name)?.[0] ?? ''
  const stem = name.slice(0, name.length - type.length)
  const marks = new Set([shortRunId(runId), plainRunId(runId)])
  return [name, ...[...marks].map((mark) => `${stem}.${mark}${type}`)]
}
