// The emulators held honest by a client that is not ours: rclone, where it is on PATH, uploads, lists, checks hashes and
// deletes under the providers' real host names, which a CONNECT proxy on loopback leads to the emulators. Our own client
// goes the same way with its default endpoints, and each checks what the other one has uploaded.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { z } from 'zod'
import { openArchiveSource } from '../../activities/archives/archive-source.ts'
import { identify } from '../../activities/archives/find-archive.ts'
import { createHttpClient } from '../../activities/http/client.ts'
import { createProvider } from '../../activities/providers/index.ts'
import type { Provider } from '../../activities/providers/provider.ts'
import { transfer } from '../../activities/uploads/transfer/transfer.ts'
import { loadConfig } from '../../db/process/config.ts'
import { createMemoryStore } from '../activities/providers/contract/bench.ts'
import { inStep } from '../support/clock/in-step.ts'
import { type ConnectProxy, startConnectProxy } from '../support/network/connect-proxy.ts'
import { createTestAuthority, trustHere, writeAuthority } from './certificates.ts'
import type { CloudDouble } from './cloud-double.ts'
import { startDropboxEmulator } from './dropbox/index.ts'
import { startGoogleEmulator } from './google/index.ts'
import { startMicrosoftEmulator } from './microsoft/index.ts'

const run = promisify(execFile)
const never = new AbortController().signal
const MIB = 1024 * 1024
const authority = await createTestAuthority()
trustHere(authority)

type Started = { readonly cloud: CloudDouble; readonly section: Readonly<Record<string, string>> }

type Case = {
  readonly name: string
  /** The real host names that lead to the emulator. */
  readonly hosts: readonly string[]
  /** The same algorithm in the words of `rclone hashsum` and in ours. */
  readonly hash: readonly [rclone: string, ours: string]
  /** Gives the emulator, and its section in rclone's configuration file. */
  start(directory: string): Promise<Started>
}

const CASES: readonly Case[] = [
  {
    name: 'Google Drive',
    hosts: ['www.googleapis.com', 'oauth2.googleapis.com'],
    hash: ['MD5', 'md5'],
    start: async (directory) => {
      const cloud = await startGoogleEmulator(authority)
      const service_account_file = join(directory, 'key.json')
      await writeFile(service_account_file, JSON.stringify(cloud.keyFile), { mode: 0o600 })
      const { driveId, sharedFolderId } = cloud.world
      const place = { team_drive: driveId, root_folder_id: sharedFolderId }
      return { cloud, section: { type: 'drive', scope: 'drive', service_account_file, ...place } }
    },
  },
  {
    name: 'Dropbox',
    hosts: ['api.dropboxapi.com', 'api.dropbox.com', 'content.dropboxapi.com'],
    hash: ['DropboxHash', 'dropbox_content_hash'],
    start: async () => {
      const cloud = await startDropboxEmulator(authority)
      const { app_key, app_secret, refresh_token } = cloud.credentials
      const token = JSON.stringify({
        ...{ access_token: 'sl.old', token_type: 'bearer', expiry: '2020-01-01T00:00:00Z' },
        refresh_token,
      })
      const section = {
        type: 'dropbox',
        client_id: String(app_key),
        client_secret: String(app_secret),
        token,
      }
      return { cloud, section }
    },
  },
  {
    name: 'OneDrive',
    hosts: [
      'login.microsoftonline.com',
      'graph.microsoft.com',
      'contoso.sharepoint.com',
      'contoso-my.sharepoint.com',
    ],
    hash: ['QuickXorHash', 'quickxorhash'],
    start: async () => {
      // rclone 1.60 sends its token to upload addresses too.
      const cloud = await startMicrosoftEmulator(authority, { refusesTokenOnUploads: false })
      const { clientId, secret, tenantId } = cloud.application
      const token = JSON.stringify({
        ...{ token_type: 'Bearer', refresh_token: 'none', expiry: '2099-01-01T00:00:00Z' },
        access_token: await clientToken(cloud, tenantId),
      })
      const place = { drive_id: cloud.driveId, drive_type: 'business', chunk_size: '640k' }
      const section = { type: 'onedrive', client_id: clientId, client_secret: secret, token, ...place }
      return { cloud, section }
    },
  },
]

/** rclone cannot ask for an application's token itself. */
async function clientToken(cloud: CloudDouble, tenant: string): Promise<string> {
  const form = new URLSearchParams({
    ...{ grant_type: 'client_credentials', scope: 'https://graph.microsoft.com/.default' },
    client_id: String(cloud.credentials.client_id),
    client_secret: String(cloud.credentials.client_secret),
  })
  const http = createHttpClient()
  try {
    const answer = await http.request({
      method: 'POST',
      url: `${cloud.server.origin}/${tenant}/oauth2/v2.0/token`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    })
    return z.object({ access_token: z.string() }).parse(JSON.parse(answer.body.toString())).access_token
  } finally {
    http.close()
  }
}

const version = await run('rclone', ['version']).then(
  ({ stdout }) => stdout.split('\n')[0],
  (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  },
)

if (version === null) it('rclone was not found on PATH: the emulators are not tried with it', () => undefined)
else
  for (const each of CASES) {
    const [drive, options] = inStep('rclone at the emulated Google Drive')
    const name = `rclone at the emulated ${each.name}`
    describe(name, name === drive ? options : {}, () => tryOut(each))
  }

function tryOut(each: Case): void {
  let directory: string
  let local: string
  let cloud: CloudDouble
  let proxy: ConnectProxy
  let provider: Provider
  const closing: (() => void | Promise<void>)[] = []
  const FOLDER = '/odoo-backups/acme'

  before(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'cloud-sync-rclone-')))
    closing.push(() => rm(directory, { recursive: true, force: true }))
    local = join(directory, 'local')
    await mkdir(local)
    await writeAuthority(authority, directory)
    const started = await each.start(directory)
    cloud = started.cloud
    closing.push(cloud.close)
    proxy = await startConnectProxy(Object.fromEntries(each.hosts.map((host) => [host, cloud.server.port])))
    closing.push(proxy.close)
    const section = Object.entries(started.section)
    const text = `[cloud]\n${section.map(([key, value]) => `${key} = ${value}`).join('\n')}\n`
    await writeFile(join(directory, 'rclone.conf'), text, { mode: 0o600 })
    const http = createHttpClient({ proxyEnv: { HTTPS_PROXY: proxy.url } })
    closing.push(http.close)
    const { endpoints } = loadConfig({ DATA_DIR: directory })
    const { credentials, settings } = cloud
    provider = createProvider({ provider: cloud.kind, credentials, settings }, { http, endpoints })
  })
  after(async () => {
    for (const close of closing.toReversed()) await close()
  })

  const rclone = async (...args: readonly string[]) => {
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: directory,
      RCLONE_CONFIG: join(directory, 'rclone.conf'),
      HTTPS_PROXY: proxy.url,
      SSL_CERT_FILE: join(directory, 'test-ca.pem'),
    }
    return run('rclone', ['--retries', '1', '--low-level-retries', '2', ...args], { env })
  }
  const remote = `cloud:${FOLDER.slice(1)}`
  const contents = new Map([
    ['small.dump', randomBytes(1234)],
    ['large.zip', randomBytes(3 * MIB + 77)],
    ["Ünïcödé 🐘 it's.tar.gz", randomBytes(4096)],
  ])

  it('uploads, lists and checks the hashes of what it uploaded', async () => {
    for (const [name, content] of contents) await writeFile(join(local, name), content)
    await rclone('copy', local, remote)
    assert.deepEqual(
      cloud
        .files(FOLDER)
        .map((file) => [file.path, file.size])
        .toSorted(),
      [...contents].map(([name, content]) => [`${FOLDER}/${name}`, content.byteLength]).toSorted(),
    )
    for (const file of cloud.files(FOLDER)) {
      assert.ok(file.content?.equals(contents.get(file.path.slice(FOLDER.length + 1)) ?? Buffer.alloc(0)))
    }
    const { stdout } = await rclone('lsf', remote)
    assert.deepEqual(stdout.trim().split('\n').toSorted(), [...contents.keys()].toSorted())
    await rclone('check', local, remote)
  })

  it('states the same hashes as the emulator and as our client', async () => {
    const [algorithm, ours] = each.hash
    const { stdout } = await rclone('hashsum', algorithm, remote)
    const stated = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(line.indexOf('  ') + 2), line.split(' ')[0]]),
    )
    const folder = await provider.findFolder(FOLDER, never)
    assert.ok(folder)
    const listed: string[] = []
    for await (const page of provider.listFiles(folder, never)) listed.push(...page.map((file) => file.name))
    assert.deepEqual(listed.toSorted(), [...contents.keys()].toSorted())
    for (const file of cloud.files(FOLDER)) {
      const value = file.hashes.find((hash) => hash.algorithm === ours)?.value ?? ''
      const name = file.path.slice(FOLDER.length + 1)
      assert.ok(
        [value, Buffer.from(value, 'base64').toString('hex')].includes(stated.get(name) ?? 'none'),
        name,
      )
    }
  })

  it('finds what our client has uploaded through the same proxy, with the right hash', async () => {
    const name = 'from-cloud-sync.dump'
    const content = randomBytes(9 * MIB + 5)
    await writeFile(join(local, name), content)
    const archive = { ...(await identify(join(local, name), name)), path: join(local, name), name }
    const source = await openArchiveSource(archive, provider.hashAlgorithm)
    await transfer({
      ...{
        provider,
        folder: await provider.ensureFolder(FOLDER, never),
        names: [name],
        source,
        signal: never,
      },
      upload: { runId: 'run-1', instance: 'acme', size: archive.size },
      sessions: createMemoryStore(),
      events: {
        onSent: () => undefined,
        onStored: () => undefined,
        onContinue: () => undefined,
        onNote: async () => undefined,
      },
    })
    await source.close()
    await rclone('check', local, remote)
    await rclone('check', '--download', local, remote)
    const stored = cloud.files(FOLDER).find((file) => file.path.endsWith(name))
    assert.equal(digest(stored?.content), digest(content))
    const { stdout: shown } = await rclone('lsf', '--format', 's', `${remote}/${name}`)
    assert.equal(shown.trim(), String(content.byteLength))
  })

  it('deletes one file, and then the folder', async () => {
    await rclone('deletefile', `${remote}/small.dump`)
    assert.ok(!cloud.files(FOLDER).some((file) => file.path.endsWith('small.dump')))
    await rclone('purge', remote)
    assert.deepEqual(cloud.files(FOLDER), [])
    assert.equal(await provider.findFolder(FOLDER, never), null)
  })

  it('went through the proxy under the real names, as our client did', () => {
    const seen = new Set(proxy.connects)
    for (const connect of seen) assert.ok(each.hosts.includes(connect.replace(/:443$/, '')), connect)
    assert.ok(seen.size >= 2)
  })
}

function digest(content: Buffer | null | undefined): string {
  return createHash('sha256')
    .update(content ?? '')
    .digest('hex')
}
