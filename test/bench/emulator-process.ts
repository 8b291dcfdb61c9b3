// One emulated cloud as a process of its own: `node emulator-process.ts KIND CA.pem`, started by emulators.ts. Keeps no
// content, but checks every offset and hashes every byte. Ends with the process that started it.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { type TestAuthority, trustHere } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { startDropboxEmulator } from '../clouds/dropbox/index.ts'
import { startGoogleEmulator } from '../clouds/google/index.ts'
import { startMicrosoftEmulator } from '../clouds/microsoft/index.ts'
import { type CloudFacts, type FromEmulator, type ToEmulator, toEmulator } from './emulator-messages.ts'

const OPTIONS = { keepContent: false, pageSize: 100, tokenLifeSeconds: 86_400 } as const
/** Operations that carry bytes of archives; the rest is talk. */
const CARRIERS = ['chunk', 'upload', 'single'] as const

type Started = { readonly cloud: CloudDouble; readonly rclone: CloudFacts['rclone'] }

async function start(kind: CloudFacts['kind'], authority: TestAuthority): Promise<Started> {
  if (kind === 'google_drive') return startGoogle(authority)
  return kind === 'dropbox' ? startDropbox(authority) : startMicrosoft(authority)
}

async function startGoogle(authority: TestAuthority): Promise<Started> {
  const cloud = await startGoogleEmulator(authority, OPTIONS)
  const { driveId, sharedFolderId } = cloud.world
  const config = { type: 'drive', scope: 'drive', team_drive: driveId, root_folder_id: sharedFolderId }
  return { cloud, rclone: { config, key_file: JSON.stringify(cloud.keyFile) } }
}

async function startDropbox(authority: TestAuthority): Promise<Started> {
  const cloud = await startDropboxEmulator(authority, OPTIONS)
  const { refresh_token, app_key, app_secret } = z
    .object({ refresh_token: z.string(), app_key: z.string(), app_secret: z.string() })
    .parse(cloud.credentials)
  const token = {
    access_token: 'sl.old',
    token_type: 'bearer',
    refresh_token,
    expiry: '2020-01-01T00:00:00Z',
  }
  const config = {
    type: 'dropbox',
    client_id: app_key,
    client_secret: app_secret,
    token: JSON.stringify(token),
  }
  return { cloud, rclone: { config, key_file: null } }
}

async function startMicrosoft(authority: TestAuthority): Promise<Started> {
  // Older releases of rclone send their token to upload addresses as well.
  const cloud = await startMicrosoftEmulator(authority, { ...OPTIONS, refusesTokenOnUploads: false })
  const { tenantId, clientId, secret } = cloud.application
  const answer = await fetch(`${cloud.server.origin}/${tenantId}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: secret,
      scope: 'https://graph.microsoft.com/.default',
    }),
  })
  const { access_token } = z.object({ access_token: z.string() }).parse(await answer.json())
  const token = {
    access_token,
    token_type: 'Bearer',
    refresh_token: 'none',
    expiry: '2099-01-01T00:00:00Z',
  }
  const config = {
    type: 'onedrive',
    client_id: clientId,
    client_secret: secret,
    token: JSON.stringify(token),
    drive_id: cloud.driveId,
    drive_type: 'business',
  }
  return { cloud, rclone: { config, key_file: null } }
}

function say(message: FromEmulator): void {
  process.send?.(message)
}

async function hear(): Promise<ToEmulator> {
  const [message] = await once(process, 'message')
  return toEmulator.parse(message)
}

async function issue(names: readonly string[]) {
  const answer = hear()
  say({ is: 'names', names: [...names] })
  const message = await answer
  if (message.is !== 'certificate') throw new Error('expected a certificate')
  return message
}

async function main(): Promise<void> {
  process.once('disconnect', () => process.exit())
  // Ctrl-C reaches every process of a terminal; this one is needed until the program that talks to it has stopped.
  process.on('SIGINT', () => undefined)
  const kind = z.enum(PROVIDER_KINDS).parse(process.argv[2])
  const authority = { pem: await readFile(process.argv[3] ?? '', 'utf8'), issue }
  trustHere(authority)
  const { cloud, rclone } = await start(kind, authority)
  const { server, env, credentials, settings } = cloud
  process.on('message', (message) => {
    const asked = toEmulator.parse(message)
    if (asked.is !== 'ask') return
    const state = {
      files: cloud.files().map(({ path, size }) => ({ path, size })),
      bytes: CARRIERS.reduce((sum, operation) => sum + server.bytesReceived(operation), 0),
      requests: server.requests.length,
      open_sessions: cloud.openSessions(),
    }
    if (asked.forget) server.forgetRequests()
    say({ is: 'state', state })
  })
  say({ is: 'ready', cloud: { kind, port: server.port, env, credentials, settings, rclone } })
}

await main()
