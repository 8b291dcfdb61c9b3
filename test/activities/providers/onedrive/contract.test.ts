// OneDrive in the provider contract: its table of differences.

import { createOneDrive } from '../../../../activities/providers/onedrive/index.ts'
import { accountShapes } from '../../../../db/accounts/account-shapes.ts'
import { type MicrosoftOptions, startMicrosoftEmulator } from '../../../clouds/microsoft/index.ts'
import type { Way } from '../contract/traits.ts'
import { describeProviderContract } from '../contract.ts'

const FRAGMENT = 2 * 320 * 1024
const SINGLE = 4096

/** What becomes of a broken fragment, and which ones off the grid are taken, is not documented. */
const VARIANTS: readonly MicrosoftOptions[] = [
  { brokenFragments: 'keep' },
  { brokenFragments: 'keep', unaligned: 'to_boundary' },
  { brokenFragments: 'keep', unaligned: 'refuse' },
  { sessionsHoldNames: false, readsUntilHash: 1 },
]

const fragments: Way = {
  name: 'fragments',
  size: 4 * FRAGMENT + 777,
  open: { operation: 'open', after: 0 },
  chunk: { operation: 'chunk', after: 1 },
  ask: { operation: 'status', after: 0 },
  finalise: { operation: 'chunk', after: 4 },
}

describeProviderContract('OneDrive', {
  kind: 'onedrive',
  variants: VARIANTS.length,
  start: async (authority, options) => {
    const cloud = await startMicrosoftEmulator(authority, { ...VARIANTS[options.variant ?? -1], ...options })
    return {
      ...cloud,
      change: cloud.overwrite,
      putMany: (folder, names) => {
        for (const name of names) cloud.putFile(`${folder}/${name}`, Buffer.from('x'))
      },
    }
  },
  connect: ({ account, endpoints, http, now }) =>
    createOneDrive({
      credentials: accountShapes.onedrive.credentials.parse(account.credentials),
      settings: accountShapes.onedrive.settings.parse(account.settings),
      endpoints: { graphRoot: endpoints.microsoftGraphRoot, authorityRoot: endpoints.microsoftAuthorityRoot },
      http,
      now,
      fragmentBytes: FRAGMENT,
      singleBytes: SINGLE,
      lookupPauseMs: 1,
    }),
  ways: [{ name: 'single', size: 4000, finalise: { operation: 'single', after: 0 } }, fragments],
  largeWay: fragments,
  edges: [SINGLE, FRAGMENT, 2 * FRAGMENT],
  lossBytes: FRAGMENT,
  many: { size: 22 * FRAGMENT + 99, chunks: 20 },
  stallSize: 40 * 1024 * 1024,
  operations: {
    token: 'token',
    look: 'find',
    list: 'list',
    nextPage: 'list',
    bytes: ['single', 'chunk'],
  },
  encodes: /["*:<>?/\\|%]|^[ ~]|[ .]$/,
  mostListed: 1000,
  givesUpSessions: true,
  refused: {
    credentials: ({ credentials }) => ({ ...credentials, client_secret: 'not-the-secret' }),
    code: 'credentials_refused',
  },
})
