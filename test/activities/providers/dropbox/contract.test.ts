// Dropbox in the provider contract: its table of differences.

import { createDropbox } from '../../../../activities/providers/dropbox/index.ts'
import { accountShapes } from '../../../../db/accounts/account-shapes.ts'
import { type DropboxOptions, startDropboxEmulator } from '../../../clouds/dropbox/index.ts'
import type { Way } from '../contract/traits.ts'
import { describeProviderContract } from '../contract.ts'

const BLOCK = 4 * 1024 * 1024
const SINGLE = 1_000_000
const CONCURRENT = 2 * BLOCK

/** What a broken or repeated append leaves, and a second finish is told, is not documented. */
const VARIANTS: readonly DropboxOptions[] = [
  { brokenAppend: 'keep', resentChunk: 'refuse' },
  { refinish: 'not_found' },
  { refinish: 'closed', resentChunk: 'refuse' },
]

const concurrent: Way = {
  name: 'concurrent',
  size: CONCURRENT + 12_345,
  open: { operation: 'open', after: 0 },
  chunk: { operation: 'chunk', after: 1 },
  // Dropbox tells nobody how far such a session came, but whether it can be finished.
  ask: { operation: 'finalise', after: 0 },
  finalise: { operation: 'finalise', after: 0 },
}

describeProviderContract('Dropbox', {
  kind: 'dropbox',
  variants: VARIANTS.length,
  start: async (authority, options) => {
    const cloud = await startDropboxEmulator(authority, { ...VARIANTS[options.variant ?? -1], ...options })
    return {
      ...cloud,
      change: (path, content) => void cloud.putFile(path, content),
      putMany: (folder, names) => {
        for (const name of names) cloud.putFile(`${folder}/${name}`, Buffer.from('x'))
      },
    }
  },
  connect: ({ account, endpoints, http, now }) =>
    createDropbox({
      credentials: accountShapes.dropbox.credentials.parse(account.credentials),
      settings: accountShapes.dropbox.settings.parse(account.settings),
      endpoints: { apiRoot: endpoints.dropboxApiRoot, contentRoot: endpoints.dropboxContentRoot },
      http,
      now,
      tuning: { singleBytes: SINGLE, concurrentBytes: CONCURRENT, chunkBytes: BLOCK, parallelAppends: 3 },
    }),
  ways: [
    { name: 'single', size: 900_000, finalise: { operation: 'upload', after: 0 } },
    {
      name: 'sequential',
      size: BLOCK + 77,
      open: { operation: 'open', after: 0 },
      chunk: { operation: 'chunk', after: 1 },
      ask: { operation: 'query', after: 0 },
      finalise: { operation: 'finalise', after: 0 },
    },
    concurrent,
  ],
  largeWay: concurrent,
  edges: [SINGLE, BLOCK, CONCURRENT, CONCURRENT + BLOCK],
  lossBytes: BLOCK,
  many: { size: 6 * BLOCK + 4321, chunks: 5 },
  stallSize: 40 * 1024 * 1024,
  operations: {
    token: 'token',
    look: 'metadata',
    list: 'list',
    nextPage: 'list_continue',
    bytes: ['upload', 'chunk'],
  },
  encodes: /%/,
  mostListed: 2000,
  givesUpSessions: false,
  refused: {
    credentials: ({ credentials }) => ({ ...credentials, refresh_token: 'one-that-was-revoked' }),
    code: 'credentials_refused',
  },
})
