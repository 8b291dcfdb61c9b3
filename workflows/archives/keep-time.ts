// How long archives are kept. Workflows and the database's queries share it.

/** How long the archive of a run that lacks a copy is kept for a re-upload. */
export const KEEP_ARCHIVE_MS = 7 * 86_400_000
