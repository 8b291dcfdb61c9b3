// Opening an upload session.
//
// Which name a session gets: the final one. A session shows nothing before its last byte, so the file appears whole
// and at once, with conflict behaviour `fail`, and no later rename makes a version that takes space. OneDrive for
// Business ties a session to its name, and a session whose address was lost (an answer that never came) blocks the
// name for as long as it lives. Only then (409, but no file of that name) is the file uploaded under a unique name
// that retention does not count as an archive, and renamed after its last byte with If-Match.

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { HttpAnswer } from '../../http/client.ts'
import type { UploadSession, UploadTarget } from '../provider.ts'
import { graphError, hasCode } from './errors.ts'
import { read } from './graph.ts'
import { checkUploadUrl } from './hosts.ts'
import { checkPathLength, urlSegment } from './names.ts'
import type { GraphSession } from './session.ts'
import type { SessionParts } from './session-parts.ts'

const openedSchema = z.object({ uploadUrl: z.string().min(1) })

/** Opens the session; a small file needs none. */
export async function openSession(
  parts: SessionParts,
  driveId: string,
  target: UploadTarget,
  isSingle: boolean,
  signal: AbortSignal,
): Promise<UploadSession> {
  checkPathLength(`${target.folder.path === '/' ? '' : target.folder.path}/${target.name}`)
  const created_at = new Date(parts.now()).toISOString()
  const common = { created_at, drive_id: driveId, folder_id: target.folder.id, name: target.name }
  if (isSingle) return { ...common, kind: 'single' } satisfies GraphSession
  let uploadName = target.name
  let answer = await create(parts, driveId, target, uploadName, signal)
  if (answer.status === 409) {
    const holder = await parts.items.byName(driveId, target.folder.id, target.name, signal)
    if (holder !== null) throw graphError(answer, 'folder', parts.now())
    uploadName = `cloud-sync-${randomUUID()}.uploading`
    answer = await create(parts, driveId, target, uploadName, signal)
    if (answer.status === 409) throw graphError(answer, 'folder', parts.now())
  }
  const { uploadUrl } = read(openedSchema, answer)
  checkUploadUrl(uploadUrl, parts.graphRoot)
  const session: GraphSession = {
    ...common,
    kind: 'fragments',
    upload_url: uploadUrl,
    upload_name: uploadName,
  }
  return session
}

async function create(
  { graph, now }: SessionParts,
  driveId: string,
  target: UploadTarget,
  name: string,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const folder = `/drives/${urlSegment(driveId)}/items/${urlSegment(target.folder.id)}`
  const ask = (size: { fileSize?: number }) =>
    graph.call({
      method: 'POST',
      path: `${folder}:/${urlSegment(name)}:/createUploadSession`,
      subject: 'folder',
      signal,
      json: { item: { '@microsoft.graph.conflictBehavior': 'fail', name, ...size } },
      accept: [400, 409],
    })
  const first = await ask({ fileSize: target.size })
  const isAboutName = hasCode(first, 'invalidPath', 'pathIsTooLong', 'maxFileSizeExceeded')
  // Some services refuse the size, by which others say early that the drive is full.
  const answer = first.status === 400 && !isAboutName ? await ask({}) : first
  if (answer.status === 400) throw graphError(answer, 'folder', now())
  return answer
}
