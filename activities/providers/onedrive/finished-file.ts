// The file that an upload session has made, recognised after a lost answer, and given its final name where it was uploaded
// under another one.

import { type ArrivedFile, ProviderError, type RemoteFile } from '../provider.ts'
import { fileOf, type Item } from './items.ts'
import type { FragmentSession, GraphSession } from './session.ts'
import type { SessionParts } from './session-parts.ts'

/** The clocks of the two sides may differ by this much where a file is recognised as ours. */
const CLOCK_TOLERANCE_MS = 300_000

/** The file of this session, where it seems to be there whole. Gives it the final name where it has another one. */
export async function finishedFile(
  parts: SessionParts,
  size: number,
  session: GraphSession,
  signal: AbortSignal,
): Promise<ArrivedFile | null> {
  const item = await parts.items.byName(session.drive_id, session.folder_id, session.name, signal)
  const file = item === null ? null : fileOf(item)
  if (item !== null && file !== null && mayBeOurs(item, file, size, session, parts.clientId))
    return { ...file, is_surmised: true }
  if (session.kind === 'single' || session.upload_name === session.name) return null
  const unnamed = await parts.items.byName(session.drive_id, session.folder_id, session.upload_name, signal)
  return unnamed !== null && unnamed.size === size ? giveFinalName(parts, session, unnamed, signal) : null
}

/** Whether this session may have made the file of the wanted name, by the file's size, time and maker. */
function mayBeOurs(
  item: Item,
  file: RemoteFile,
  size: number,
  session: GraphSession,
  clientId: string,
): boolean {
  const isAsLarge = file.size === size
  const isSince = Date.parse(file.uploaded_at) >= Date.parse(session.created_at) - CLOCK_TOLERANCE_MS
  // A false "no" costs little: the engine then finds the file by its name and compares the hash.
  const isByUs = item.createdBy === undefined || isSame(item.createdBy.application?.id, clientId)
  return isAsLarge && isSince && isByUs
}

/** Gives the final name to a file that was uploaded under another one. */
export async function giveFinalName(
  parts: SessionParts,
  session: GraphSession,
  item: Item,
  signal: AbortSignal,
): Promise<RemoteFile> {
  const current = fileOf(item)
  if (current === null)
    throw new ProviderError('unexpected_answer', 'OneDrive shows something that is no file.')
  if (session.kind === 'single' || session.upload_name === session.name) return current
  const renamed = await parts.items.rename(session.drive_id, item, session.name, signal)
  const file = renamed === null ? null : fileOf(renamed)
  if (file !== null) return file
  const holder = await parts.items.byName(session.drive_id, session.folder_id, session.name, signal)
  if (holder === null) {
    throw new ProviderError('file_locked', 'An earlier upload still holds the name.', {
      advice: 'Wait; the file gets the name when that upload expires.',
    })
  }
  await removeUnnamed(parts, session, signal)
  throw new ProviderError('name_conflict', 'Another file has taken the name during the upload.')
}

/** Removes what was uploaded under a name of its own and cannot get the final one. */
export async function removeUnnamed(
  { items }: SessionParts,
  session: FragmentSession,
  signal: AbortSignal,
): Promise<void> {
  if (session.upload_name === session.name) return
  const unnamed = await items.byName(session.drive_id, session.folder_id, session.upload_name, signal)
  if (unnamed !== null) await items.remove(session.drive_id, unnamed.id, unnamed.eTag ?? null, signal)
}

function isSame(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase()
}
