// Opening a session. The file's ID is made before the session, and kept in it, so that a repeated end cannot make a second
// file.

import type { HttpAnswer } from '../../http/client.ts'
import { ProviderError, type UploadSession, type UploadTarget } from '../provider.ts'
import { httpsAddress, isTrustedHost } from '../trusted-host.ts'
import { locateFile } from './finished-file.ts'
import { generateId } from './items.ts'
import { errorOf, isSuccess, sessionSchema } from './session.ts'
import type { UploadContext } from './upload-context.ts'

/**
 * Opens a session for the same file ID as `forgotten`, so that a file that Google is still putting together cannot come to
 * stand beside the new one. Returns `forgotten` where its file exists after all.
 */
export async function openSession(
  parts: UploadContext,
  target: UploadTarget,
  signal: AbortSignal,
  forgotten?: UploadSession,
): Promise<UploadSession> {
  const { api, requests, apiRoot } = parts
  const earlier = sessionSchema.safeParse(forgotten).data?.file_id ?? null
  let fileId: string | null = earlier ?? (await generateId(api, signal))
  let answer = await requests.start(target, fileId, signal)
  if (answer.status === 409 && forgotten !== undefined && earlier !== null) {
    if ((await locateFile(parts, target, earlier, signal)) !== null) return forgotten
    // It lies in the trash.
    fileId = await generateId(api, signal)
    answer = await requests.start(target, fileId, signal)
  }
  if (answer.status === 400) {
    // Whether shared drives take generated IDs is not documented. Without an ID, Drive chooses one.
    fileId = null
    answer = await requests.start(target, fileId, signal)
  }
  if (!isSuccess(answer)) throw errorOf(answer)
  return {
    created_at: new Date(parts.now()).toISOString(),
    uri: sessionAddress(answer, apiRoot),
    file_id: fileId,
  }
}

/** Where the bytes go. Throws `insecure_redirect` for a host that is not Google's, nor near the configured root. */
function sessionAddress(answer: HttpAnswer, apiRoot: string): string {
  const uri = URL.parse(answer.headers.location ?? '', apiRoot)?.href
  if (answer.headers.location === undefined || uri === undefined)
    throw new ProviderError('unexpected_answer', 'Google Drive opened no upload session.')
  if (!isUploadAddress(uri, apiRoot)) {
    throw new ProviderError('insecure_redirect', 'Google Drive sends the upload to a host that is not known.')
  }
  return uri
}

function isUploadAddress(address: string, apiRoot: string): boolean {
  const url = httpsAddress(address)
  return url !== null && isTrustedHost(url, new URL(apiRoot), ['.googleapis.com'])
}
