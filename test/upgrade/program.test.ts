// The program of today starts on what f485751 left behind: everything is still shown, whoever was let in still is, and a run
// that was killed in the middle of its uploads goes on, with the history of its workflow and without it.

import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { CloudSyncStatus } from '../../workflows/types.ts'
import { inStep } from '../support/clock/in-step.ts'
import { sha256 } from '../support/clouds.ts'
import { API_TOKEN } from '../support/program.ts'
import { searchAnswer } from '../support/secrets/secret-search.ts'
import { until } from '../support/until.ts'
import { archiveContent } from './archive-content.ts'
import { type Upgraded, upgrade } from './upgraded.ts'

const VERSION = 'f485751'
const LARGE = 24 * 1024 * 1024 + 4321

type Run = { id: string; cloud_status: string; cloud_sync_status: CloudSyncStatus }
type Page<Item> = { items: readonly Item[]; next_cursor: string | null }

const [name, options] = inStep('the program goes on with the data of f485751')

describe(name, options, () => {
  let upgraded: Upgraded
  before(async () => {
    upgraded = await upgrade(VERSION, { withTemporal: true })
  })
  after(() => upgraded.close())

  const get = async <T>(path: string) => {
    const { status, body } = await upgraded.program.api<T>('GET', path)
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`)
    return body
  }
  const getRun = (runName: string) => get<Run>(`/api/runs/${upgraded.installation.runId(runName)}`)

  it('goes on with an upload that was stopped, from the bytes that the provider has, to one whole copy', async () => {
    await assertGoesOn(upgraded)
    const { dropbox } = upgraded
    const sent = dropbox.server.bytesReceived('chunk')
    assert.ok(sent < LARGE - 8_000_000, `Dropbox was sent ${sent} bytes: it began anew`)
  })

  it('starts the run whose start was owed', async () => {
    const run = await settled(upgraded, 'owed')
    assert.equal(run.cloud_status, 'uploaded', JSON.stringify(run.cloud_sync_status))
  })

  it('ends the run whose host nobody serves, and lets the one whose account rests wait', async () => {
    const unserved = await settled(upgraded, 'unserved-queue')
    assert.deepEqual(
      Object.values(unserved.cloud_sync_status).map(({ error }) => error?.code),
      ['no_worker_for_queue', 'no_worker_for_queue'],
    )
    assert.equal((await getRun('paused')).cloud_status, 'pending')
  })

  it('shows every run with its status, and a cancelled one with its own word', async () => {
    const expected: Readonly<Record<string, string>> = {
      ...{ 'uploaded-01': 'uploaded', 'uploaded-02': 'uploaded', 'uploaded-03': 'uploaded' },
      ...{ database: 'uploaded', before: 'uploaded', 'prune-skipped': 'uploaded', 'host-queue': 'uploaded' },
      ...{ none: 'none', 'one-failed': 'failed', failed: 'failed', 'archive-missing': 'failed' },
      ...{ cancelled: 'cancelled', 'child-cancelled': 'cancelled' },
    }
    const { items } = await get<Page<Run>>('/api/runs?limit=100&live=true')
    const { runs } = upgraded.installation.recorded
    assert.deepEqual(items.map(({ id }) => id).sort(), Object.values(runs).sort())
    for (const [runName, status] of Object.entries(expected)) {
      assert.equal((await getRun(runName)).cloud_status, status, runName)
    }
  })

  it('shows every account, instance, binding, user, token and page', async () => {
    const { recorded } = upgraded.installation
    const count = async (path: string) => (await get<Page<unknown>>(path)).items.length
    assert.equal(await count('/api/accounts?limit=100'), Object.keys(recorded.accounts).length)
    assert.equal(await count('/api/instances?limit=100'), 6)
    const bound = { acme: 3, globex: 1, initech: 2, umbrella: 0, 'wayne-ent': 2, large: 3 }
    for (const [slug, bindings] of Object.entries(bound)) {
      assert.equal(await count(`/api/instances/${slug}/bindings`), bindings, slug)
    }
    assert.equal(await count('/api/users'), 3)
    assert.equal(await count('/api/tokens'), 2)
    assert.ok((await count('/api/audit?limit=200')) > 100)
    const runPages = Object.values(recorded.runs).map((id) => `/runs/${id}`)
    const instancePages = Object.keys(bound).map((slug) => `/instances/${slug}`)
    const pages = [
      '/',
      '/overview',
      '/instances',
      '/cloud',
      '/audit',
      '/settings',
      ...runPages,
      ...instancePages,
    ]
    for (const path of pages) assert.equal(await pageStatus(path), 200, path)
  })

  it('lets in who was logged in, who has a password, and who has a token', async () => {
    const { session, token, password } = upgraded.installation.recorded.access
    const { url } = upgraded.program
    const statusOf = async (path: string, init: RequestInit) => (await fetch(url + path, init)).status
    const cookie = `cloud_sync_session=${session}`
    assert.equal(await statusOf('/api/session', { headers: { cookie } }), 200)
    const bearer = { authorization: `Bearer cloudsync_${token}` }
    assert.equal(await statusOf('/api/runs', { headers: bearer }), 200)
    const login = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'olga', password }),
    }
    assert.equal(await statusOf('/api/session', login), 201)
  })

  it('still keeps the archives of the runs that failed', async () => {
    const { db, installation } = upgraded
    for (const runName of ['one-failed', 'failed', 'child-cancelled']) {
      const { pin, pin_path, kept_until } = await db
        .selectFrom('runs')
        .select(['pin', 'pin_path', 'kept_until'])
        .where('id', '=', installation.runId(runName))
        .executeTakeFirstOrThrow()
      assert.deepEqual([pin, kept_until !== null], ['linked', true], runName)
      assert.ok((await stat(pin_path ?? '')).isFile(), runName)
    }
  })

  async function pageStatus(path: string): Promise<number> {
    const headers = { authorization: `Bearer ${API_TOKEN}` }
    const answer = await fetch(upgraded.program.url + path, { headers, redirect: 'manual' })
    searchAnswer(`GET ${path}`, await answer.text())
    return answer.status
  }
})

const [lost, lostOptions] = inStep('the program goes on with the data of f485751 without its Temporal server')

describe(lost, lostOptions, () => {
  it('starts the stopped run again, and it goes on from the bytes that the provider has, to one whole copy', async () => {
    const upgraded = await upgrade(VERSION, { withTemporal: false })
    try {
      await assertGoesOn(upgraded)
      const sent = upgraded.dropbox.server.bytesReceived('chunk')
      assert.ok(sent < LARGE - 8_000_000, `Dropbox was sent ${sent} bytes: it began anew`)
    } finally {
      await upgraded.close()
    }
  })
})

async function assertGoesOn(upgraded: Upgraded): Promise<void> {
  const run = await settled(upgraded, 'stopped')
  assert.equal(run.cloud_status, 'uploaded', JSON.stringify(run.cloud_sync_status))
  const content = archiveContent('large/large.dump', LARGE)
  for (const cloud of upgraded.clouds) {
    const files = cloud.files('/odoo-backups/large')
    assert.deepEqual(
      files.map(({ path }) => path),
      ['/odoo-backups/large/large.dump'],
      cloud.kind,
    )
    assert.equal(sha256(files[0]?.content ?? Buffer.alloc(0)), sha256(content))
  }
}

function settled({ program, installation }: Upgraded, runName: string): Promise<Run> {
  return until(
    `the run ${runName} is settled`,
    async () => {
      const { body } = await program.api<Run>('GET', `/api/runs/${installation.runId(runName)}`)
      return body.cloud_status === 'pending' ? null : body
    },
    120_000,
  )
}
