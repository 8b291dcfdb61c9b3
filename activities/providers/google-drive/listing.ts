// Listings: every page or none. An answer that Drive itself calls incomplete is an error where retention decides by what is
// in it. A search may lag behind by minutes (docs/providers.md, 1.5): never conclude from it that a file is missing.

import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { ProviderError } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { type DriveFile, FILE_FIELDS, fileSchema } from './files.ts'

/** The most that Drive gives; a short or empty page does not mean the end. */
const PAGE_SIZE = 1000
/** How often, and how far apart, a search is made that Drive calls incomplete and that found nothing. */
const INCOMPLETE_TRIES = 3
const INCOMPLETE_PAUSE_MS = 1_000

const pageSchema = z.object({
  nextPageToken: z.string().min(1).optional(),
  incompleteSearch: z.boolean().optional(),
  files: z.array(fileSchema),
})
type Page = z.infer<typeof pageSchema>

export interface Listing {
  /**
   * Every item that matches the query, page by page. Rejects with `listing_incomplete`, or `folder_missing` for an unknown
   * parent.
   */
  pages(query: string, signal: AbortSignal): AsyncIterable<readonly DriveFile[]>
  /**
   * What a search for a name finds. Where Drive did not search everything and found nothing, it is asked again a little later;
   * then that is the answer: an upload must not wait for it, and nothing is ever overwritten at Drive.
   */
  find(query: string, signal: AbortSignal): Promise<readonly DriveFile[]>
}

/** `driveIdOf` tells the shared drive in which the account's folder lies, null for My Drive. */
export function createListing(
  api: DriveApi,
  driveIdOf: (signal: AbortSignal) => Promise<string | null>,
): Listing {
  // Searching the one drive is complete, but is allowed only to its members; those who were given just a folder search
  // among what was shared with them.
  let isMember = true

  const page = (query: string, driveId: string | null, pageToken: string | undefined, signal: AbortSignal) =>
    readPage(api, { query, driveId, pageToken }, signal)

  const firstPage = async (query: string, driveId: string | null, signal: AbortSignal): Promise<Page> => {
    if (driveId === null || !isMember) return page(query, null, undefined, signal)
    try {
      return await page(query, driveId, undefined, signal)
    } catch (cause) {
      if (!(cause instanceof ProviderError) || cause.httpStatus !== 404) throw cause
      const found = await page(query, null, undefined, signal)
      isMember = false
      return found
    }
  }

  async function* read(query: string, signal: AbortSignal): AsyncGenerator<Page> {
    const driveId = await driveIdOf(signal)
    let current = await firstPage(query, driveId, signal)
    const seen = new Set<string>()
    for (;;) {
      yield current
      const token = current.nextPageToken
      if (token === undefined) return
      if (seen.has(token))
        throw new ProviderError('listing_incomplete', 'Google Drive repeats a page of the listing.')
      seen.add(token)
      current = await page(query, isMember ? driveId : null, token, signal)
    }
  }
  return {
    pages: async function* (query, signal) {
      for await (const { files, incompleteSearch } of read(query, signal)) {
        if (incompleteSearch === true) {
          throw new ProviderError(
            'listing_incomplete',
            'Google Drive says itself that it did not search everything.',
          )
        }
        yield files
      }
    },
    find: async (query, signal) => {
      for (let tries = 1; ; tries += 1) {
        const found: DriveFile[] = []
        let isComplete = true
        for await (const { files, incompleteSearch } of read(query, signal)) {
          found.push(...files)
          isComplete &&= incompleteSearch !== true
        }
        if (isComplete || found.length > 0 || tries === INCOMPLETE_TRIES) return found
        await setTimeout(INCOMPLETE_PAUSE_MS, undefined, { signal })
      }
    },
  }
}

function readPage(
  api: DriveApi,
  {
    query,
    driveId,
    pageToken,
  }: {
    readonly query: string
    readonly driveId: string | null
    readonly pageToken: string | undefined
  },
  signal: AbortSignal,
): Promise<Page> {
  return api.call(
    (library, options) =>
      library.files.list(
        {
          q: query,
          pageSize: PAGE_SIZE,
          fields: `nextPageToken,incompleteSearch,files(${FILE_FIELDS})`,
          supportsAllDrives: true,
          includeItemsFromAllDrives: true,
          ...(driveId === null ? {} : { corpora: 'drive', driveId }),
          ...(pageToken === undefined ? {} : { pageToken }),
        },
        options,
      ),
    pageSchema,
    signal,
  )
}
