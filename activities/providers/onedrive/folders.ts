// Folders below the account's remote path. Made one level at a time by POST to the parent's children with conflict
// behaviour `fail`, so that two uploads at once end up with the same folder, and nothing is ever replaced.

import { ProviderError, type RemoteFolder } from '../provider.ts'
import type { DriveSource } from './drive.ts'
import { type Graph, read } from './graph.ts'
import { type Item, type Items, itemSchema } from './items.ts'
import { checkPathLength, encodeFolders, urlPath, urlSegment } from './names.ts'

export interface Folders {
  ensure(path: string, signal: AbortSignal): Promise<RemoteFolder>
  find(path: string, signal: AbortSignal): Promise<RemoteFolder | null>
  /** The account's remote path, or the nearest folder above it that exists. */
  nearest(signal: AbortSignal): Promise<{ readonly folder: RemoteFolder; readonly isWhole: boolean }>
}

type Deps = {
  readonly graph: Graph
  readonly items: Items
  readonly drive: DriveSource
  /** The account's remote path, '/' or '/a/b'. */
  readonly below: string
}

export function createFolders({ graph, items, drive, below }: Deps): Folders {
  function segmentsOf(path: string): readonly string[] {
    const segments = encodeFolders(`${below}/${path}`)
    checkPathLength(pathOf(segments))
    return segments
  }

  async function at(segments: readonly string[], signal: AbortSignal): Promise<RemoteFolder | null> {
    const root = `/drives/${urlSegment(await drive.id(signal))}/root`
    const path = segments.length === 0 ? root : `${root}:/${urlPath(segments)}`
    const answer = await graph.call({
      method: 'GET',
      path: `${path}?$select=id,name,folder`,
      subject: segments.length === 0 ? 'drive' : 'folder',
      signal,
      accept: segments.length === 0 ? [] : [404],
    })
    return answer.status === 404 ? null : folderOf(read(itemSchema, answer), segments)
  }

  async function make(
    parent: RemoteFolder,
    segments: readonly string[],
    signal: AbortSignal,
  ): Promise<RemoteFolder> {
    const driveId = await drive.id(signal)
    const name = segments.at(-1) ?? ''
    const answer = await graph.call({
      method: 'POST',
      path: `/drives/${urlSegment(driveId)}/items/${urlSegment(parent.id)}/children`,
      subject: 'folder',
      signal,
      json: { name, folder: {}, '@microsoft.graph.conflictBehavior': 'fail' },
      accept: [409],
    })
    if (answer.status !== 409) return folderOf(read(itemSchema, answer), segments)
    const other = await items.byName(driveId, parent.id, name, signal)
    if (other !== null) return folderOf(other, segments)
    throw new ProviderError(
      'unexpected_answer',
      `OneDrive says that the folder ${pathOf(segments)} exists but does not show it.`,
    )
  }

  async function nearestTo(
    segments: readonly string[],
    signal: AbortSignal,
  ): Promise<[RemoteFolder, number]> {
    for (let depth = segments.length; depth >= 0; depth -= 1) {
      const found = await at(segments.slice(0, depth), signal)
      if (found !== null) return [found, depth]
    }
    throw new ProviderError('folder_missing', 'The drive has no root folder.', {
      advice: 'Check that the drive still exists.',
    })
  }

  return {
    find: async (path, signal) => at(segmentsOf(path), signal),
    nearest: async (signal) => {
      const segments = segmentsOf('/')
      const [folder, depth] = await nearestTo(segments, signal)
      return { folder, isWhole: depth === segments.length }
    },
    ensure: async (path, signal) => {
      const segments = segmentsOf(path)
      const [nearest, depth] = await nearestTo(segments, signal)
      let folder = nearest
      for (let count = depth + 1; count <= segments.length; count += 1) {
        folder = await make(folder, segments.slice(0, count), signal)
      }
      return folder
    },
  }
}

function folderOf(item: Item, segments: readonly string[]): RemoteFolder {
  const path = pathOf(segments)
  if (item.folder !== undefined) return { id: item.id, path }
  throw new ProviderError('account_misconfigured', `${path} is a file at the destination.`, {
    advice: 'Move that file, or change the remote path.',
  })
}

function pathOf(segments: readonly string[]): string {
  return `/${segments.join('/')}`
}
