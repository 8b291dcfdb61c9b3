// A Worker that fails ends the process with a code, so that a service manager starts it again. The running activities still write
// how they ended.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openDatabase } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { isAlive } from '../../db/machine/process-identity.ts'
import { createTestAuthority, writeAuthority } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { startDropboxEmulator } from '../clouds/dropbox/index.ts'
import { startProgram } from '../support/program.ts'
import { plant, secretsOf } from '../support/secrets/planted-secrets.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
/** Draining (20 s), stopping of the API (10 s) and of both servers; the machine may be slow. */
const GRACE_MS = 90_000

const quiet = { info() {}, warn() {} }

describe('a program of which a Worker fails', () => {
  let directory: string
  let cloud: CloudDouble
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloud-sync-failed-worker-'))
  })
  after(async () => {
    await cloud?.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('a program of which a Worker fails ends with code 1, after its running uploads have written their end', async () => {
    const authority = await createTestAuthority()
    cloud = await startDropboxEmulator(authority)
    plant(secretsOf([cloud]))
    const environment = {
      DATA_DIR: join(directory, 'data'),
      NODE_EXTRA_CA_CERTS: await writeAuthority(authority, directory),
      ...cloud.env,
    }
    const breaks = pathToFileURL(join(import.meta.dirname, '..', 'support', 'breaks-workers.ts')).href
    const program = await startProgram({ ...environment, NODE_OPTIONS: `--import ${breaks}` })
    await program.api('POST', '/api/instances', { slug: 'acme', name: 'Acme' })
    const { body: account } = await program.api<{ id: string }>('POST', '/api/accounts', {
      name: 'Dropbox',
      provider: cloud.kind,
      credentials: cloud.credentials,
      settings: cloud.settings,
    })
    await program.api('POST', '/api/instances/acme/bindings', { account_id: account.id })
    await mkdir(join(environment.DATA_DIR, 'backups', 'acme'), { recursive: true })
    for (const name of ['long', 'next']) {
      const path = join(environment.DATA_DIR, 'backups', 'acme', `${name}.dump`)
      await writeFile(path, Buffer.alloc(24 * MIB, name))
    }
    const stalled = cloud.server.faults.add({
      operation: 'chunk',
      action: { kind: 'stall_after', bytes: MIB },
    })
    const { body: run } = await program.api<{ id: string }>('POST', '/api/runs', {
      instance: 'acme',
      archive: 'acme/long.dump',
    })
    await until('the upload is in its middle', async () => (stalled() > 0 ? true : null))

    process.kill(program.pid, 'SIGUSR2')
    // A task for the Worker without its threads.
    await program.api('POST', '/api/runs', { instance: 'acme', archive: 'acme/next.dump' })
    await until('the program has ended', async () => (isAlive(program.pid) ? null : true), GRACE_MS)
    assert.equal(await program.stop(), 1, program.log())
    assert.match(program.log(), /a worker failed; ending/)
    assert.doesNotMatch(program.log(), /could not be stopped cleanly.*connection/)

    const postgres = await startEmbeddedPostgres({
      directory: join(environment.DATA_DIR, 'postgres'),
      log: quiet,
    })
    const db = openDatabase(postgres.url, { log: quiet })
    const attempts = await db
      .selectFrom('attempts')
      .where('run_id', '=', run.id)
      .select(['outcome'])
      .execute()
    await db.destroy()
    await postgres.stop()
    assert.deepEqual(attempts, [{ outcome: 'retrying' }])
  })
})
