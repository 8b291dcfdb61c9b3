// The folder at the destination: the binding's remote path with its placeholders filled in (docs/design.md,
// "Remote paths").

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
    // A function, because '$&' and the like in the name of a database must stay as they are.
    .replaceAll(DATABASE_PLACEHOLDER, () => database ?? '')
  return `/${filled.split('/').filter(Boolean).join('/')}`
}
