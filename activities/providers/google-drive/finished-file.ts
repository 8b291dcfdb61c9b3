// The file that an upload session has made, found whatever answer was lost: by the ID that the session was opened with, or by
// the marks that the file carries.

import { parseJson } from '../../../db/process/json.ts'
import type { HttpAnswer } from '../../http/client.ts'
import { ProviderError, type RemoteFile, type UploadTarget } from '../provider.ts'
import { byAge, fileSchema, remoteFileOf } from './files.ts'
import { readItem } from './items.ts'
import { marksOf, quoted } from './names.ts'
import type { UploadContext } from './upload-context.ts'

/** The finished file, when it exists, whatever the session says. */
export async function locateFile(
  { api, listing }: UploadContext,
  target: UploadTarget,
  fileId: string | null,
  signal: AbortSignal,
): Promise<RemoteFile | null> {
  if (fileId !== null) {
    const file = await readItem(api, fileId, signal)
    return file === null || file.trashed === true ? null : remoteFileOf(file)
  }
  const { run_id: runId } = marksOf(target)
  const marked = `appProperties has { key = 'run_id' and value = ${quoted(runId)} }`
  const query = `${quoted(target.folder.id)} in parents and name = ${quoted(target.name)} and ${marked} and trashed = false`
  for (const file of (await listing.find(query, signal)).toSorted(byAge)) {
    if (file.name === target.name && file.size === target.size) return remoteFileOf(file)
  }
  return null
}

/** Reads the file out of the last answer; asks by ID when that was cut off or lacks the hash. */
export async function finishedFile(
  parts: UploadContext,
  target: UploadTarget,
  answer: HttpAnswer,
  fileId: string | null,
  signal: AbortSignal,
): Promise<RemoteFile> {
  const parsed = fileSchema.safeParse(parseJson(answer.body))
  const stated = parsed.success ? remoteFileOf(parsed.data) : null
  if (stated?.hashes.some(({ algorithm }) => algorithm === 'sha256')) return stated
  const file = (await locateFile(parts, target, stated?.id ?? fileId, signal)) ?? stated
  if (file !== null) return file
  throw new ProviderError(
    'unexpected_answer',
    'Google Drive calls the upload complete, but does not show the file.',
  )
}
