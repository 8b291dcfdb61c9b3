// Google Drive in the provider contract: its table of differences.

import { generateKeyPairSync } from 'node:crypto'
import { createGoogleDrive } from '../../../../activities/providers/google-drive/index.ts'
import { accountShapes } from '../../../../db/accounts/account-shapes.ts'
import { contentOf } from '../../../clouds/google/drive-world.ts'
import { type GoogleOptions, startGoogleEmulator } from '../../../clouds/google/index.ts'
import type { Way } from '../contract/traits.ts'
import { describeProviderContract } from '../contract.ts'

const UNIT = 256 * 1024
const MIB = 1024 * 1024

/** Whether generated IDs are taken in shared drives, and how a session is said to be gone, is not documented. */
const VARIANTS: readonly GoogleOptions[] = [
  { takesIdsInSharedDrives: false },
  { goneStatus: 410, sessionNeedsBearer: true },
  { destination: 'delegated' },
]

const resumable: Way = {
  name: 'resumable',
  size: 3 * MIB + 12_345,
  open: { operation: 'open', after: 0 },
  chunk: { operation: 'chunk', after: 0 },
  ask: { operation: 'status', after: 0 },
  finalise: { operation: 'chunk', after: 0 },
}

describeProviderContract('Google Drive', {
  kind: 'google_drive',
  variants: VARIANTS.length,
  start: async (authority, options) => {
    const cloud = await startGoogleEmulator(authority, {
      sessionNeedsBearer: options.wantsTokenWithBytes ?? false,
      ...VARIANTS[options.variant ?? -1],
      ...options,
    })
    return {
      ...cloud,
      change: (path, content) => {
        const file = cloud.files().find((candidate) => candidate.path === path)
        const item = file && cloud.world.items.get(file.id)
        if (item === undefined) throw new Error(`nothing at ${path}`)
        item.content = contentOf(content)
        item.version += 1
      },
      putMany: (folder, names) => {
        const { id } = cloud.putFile(`${folder}/${names[0]}`, Buffer.from('x'))
        const first = cloud.world.items.get(id)
        if (first === undefined) throw new Error('the first of many files is not there')
        for (const name of names.slice(1)) cloud.world.add({ ...first, id: cloud.world.newId(), name })
      },
    }
  },
  connect: ({ account, endpoints, http, now }) =>
    createGoogleDrive({
      credentials: accountShapes.google_drive.credentials.parse(account.credentials),
      settings: accountShapes.google_drive.settings.parse(account.settings),
      endpoints: { apiRoot: endpoints.googleApiRoot, tokenUrl: endpoints.googleTokenUrl },
      http,
      now,
    }),
  ways: [resumable],
  largeWay: resumable,
  edges: [UNIT, 4 * UNIT],
  lossBytes: MIB,
  many: { size: 24 * MIB + 99, chunks: 0 },
  stallSize: 40 * MIB,
  operations: { token: 'token', look: 'list', list: 'list', nextPage: 'list', bytes: ['chunk'] },
  encodes: null,
  mostListed: 1000,
  givesUpSessions: true,
  refused: {
    credentials: ({ credentials }) => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const key = JSON.parse(String(credentials.credentials_json))
      key.private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      return { credentials_json: JSON.stringify(key) }
    },
    code: 'credentials_refused',
  },
})
