// Files and folders as Graph shows them (docs/providers.md, 3.3): by ID, by name in a folder, page by page; and deletion
// of exactly one revision. A DELETE moves to the recycle bin, where the file counts against the quota for up to 93
// days; `permanentDelete` is not used, because a wrong retention could then not be undone.

import { z } from 'zod'
import type { HttpAnswer } from '../../http/client.ts'
import { type DeleteOutcome, ProviderError, type RemoteFile } from '../provider.ts'
import { type Graph, read } from './graph.ts'
import { urlSegment } from './names.ts'

const SELECT = '$select=id,name,size,file,folder,createdDateTime,createdBy,eTag,deleted'
/** Graph's own page size; more is not given for drives. */
const PAGE_SIZE = 200

const hashesSchema = z.object({ quickXorHash: z.string().min(1).optional() })
export const itemSchema = z.object({
  id: z.string().min(1),
  name: z.string().min(1),
  size: z.number().int().nonnegative().default(0),
  createdDateTime: z.iso.datetime({ offset: true }).optional(),
  eTag: z.string().optional(),
  file: z.object({ hashes: hashesSchema.optional() }).optional(),
  folder: z.object({}).optional(),
  deleted: z.object({}).nullish(),
  createdBy: z.object({ application: z.object({ id: z.string().optional() }).optional() }).optional(),
})
export type Item = z.infer<typeof itemSchema>

const pageSchema = z.object({ value: z.array(itemSchema), '@odata.nextLink': z.string().optional() })

export interface Items {
  /** Null where it does not exist (or lies in the recycle bin). */
  byId(driveId: string, id: string, signal: AbortSignal): Promise<Item | null>
  /** The file or folder of this name directly in the folder; names differ in more than case. */
  byName(driveId: string, folderId: string, name: string, signal: AbortSignal): Promise<Item | null>
  /** Bytes [start, end) of its content. */
  bytes(driveId: string, id: string, start: number, end: number, signal: AbortSignal): Promise<Uint8Array>
  /** Everything directly in the folder, page by page. */
  children(driveId: string, folderId: string, signal: AbortSignal): AsyncIterable<readonly Item[]>
  remove(driveId: string, id: string, revision: string | null, signal: AbortSignal): Promise<DeleteOutcome>
  /** Null where the name is taken. */
  rename(driveId: string, item: Item, name: string, signal: AbortSignal): Promise<Item | null>
}

export function createItems(graph: Graph): Items {
  const pathOf = (driveId: string, id: string) => `/drives/${urlSegment(driveId)}/items/${urlSegment(id)}`

  async function find(path: string, signal: AbortSignal): Promise<Item | null> {
    const answer = await graph.call({ method: 'GET', path, subject: 'file', signal, accept: [404] })
    if (answer.status === 404) return null
    const item = read(itemSchema, answer)
    return item.deleted ? null : item
  }

  return {
    byId: (driveId, id, signal) => find(`${pathOf(driveId, id)}?${SELECT}`, signal),
    byName: (driveId, folderId, name, signal) =>
      find(`${pathOf(driveId, folderId)}:/${urlSegment(name)}?${SELECT}`, signal),
    bytes: async (driveId, id, start, end, signal) => {
      const answer = await graph.call({
        method: 'GET',
        path: `${pathOf(driveId, id)}/content`,
        subject: 'file',
        signal,
        headers: { Accept: '*/*', Range: `bytes=${start}-${end - 1}` },
      })
      // A service that ignores Range sends the whole file.
      const bytes = answer.status === 206 ? answer.body : answer.body.subarray(start, end)
      if (bytes.byteLength === end - start) return bytes
      throw new ProviderError(
        'unexpected_answer',
        'OneDrive gave other bytes of the file than were asked for.',
      )
    },
    children: (driveId, folderId, signal) =>
      pages(graph, `${pathOf(driveId, folderId)}/children?$top=${PAGE_SIZE}&${SELECT}`, signal),
    remove: async (driveId, id, revision, signal) => {
      const answer = await graph.call({
        method: 'DELETE',
        path: pathOf(driveId, id),
        subject: 'deletion',
        signal,
        headers: revision === null ? {} : { 'If-Match': revision },
        accept: [404],
      })
      return answer.status === 404 ? 'already_gone' : 'trashed'
    },
    rename: async (driveId, item, name, signal) => {
      const ask = ({ id, eTag }: Item, accept: readonly number[]) =>
        graph.call({
          method: 'PATCH',
          path: `${pathOf(driveId, id)}?${SELECT}`,
          subject: 'file',
          signal,
          json: { name, '@microsoft.graph.conflictBehavior': 'fail' },
          headers: eTag === undefined ? {} : { 'If-Match': eTag },
          accept,
        })
      let answer = await ask(item, [409, 412])
      // OneDrive itself changes a new file (its hash, its thumbnail): it is read again, once.
      const current =
        answer.status === 412 ? await find(`${pathOf(driveId, item.id)}?${SELECT}`, signal) : null
      if (answer.status === 412) answer = await ask(current ?? item, [409])
      return answer.status === 409 ? null : read(itemSchema, answer)
    },
  }
}

async function* pages(graph: Graph, first: string, signal: AbortSignal): AsyncGenerator<readonly Item[]> {
  const seen = new Set<string>()
  for (let path: string | undefined = first; path !== undefined; ) {
    if (seen.has(path)) {
      throw new ProviderError(
        'listing_incomplete',
        'OneDrive lists the same page twice, so the folder was not read to its end.',
      )
    }
    seen.add(path)
    const answer: HttpAnswer = await graph.call({ method: 'GET', path, subject: 'folder', signal })
    const page = read(pageSchema, answer)
    yield page.value
    path = page['@odata.nextLink']
  }
}

/** What the interface knows of a file; null for a folder, a notebook and the like. */
export function fileOf(item: Item): RemoteFile | null {
  if (item.file === undefined || item.deleted) return null
  if (item.createdDateTime === undefined) {
    throw new ProviderError('unexpected_answer', 'OneDrive shows a file without the time of its creation.')
  }
  const hash = item.file.hashes?.quickXorHash
  return {
    id: item.id,
    name: item.name,
    size: item.size,
    hashes: hash === undefined ? [] : [{ algorithm: 'quickxorhash', value: hash }],
    uploaded_at: new Date(item.createdDateTime).toISOString(),
    revision: item.eTag ?? null,
  }
}

/** The same for an answer that must show a file. */
export function readFile(answer: HttpAnswer): RemoteFile {
  const file = fileOf(read(itemSchema, answer))
  if (file === null) throw new ProviderError('unexpected_answer', 'OneDrive shows something that is no file.')
  return file
}
