// The program as its users start it: an upload goes on after a crash (docs/design.md, rule 3), any Temporal client starts a
// run, and a start that would do harm is refused.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Client, Connection } from '@temporalio/client'
import { openDatabase } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { findTemporalCli } from '../../temporal-dev/cli/find-cli.ts'
import type { CloudSyncStatus } from '../../workflows/types.ts'
import { createTestAuthority, writeAuthority } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { ALL_CLOUDS, sha256 } from '../support/clouds.ts'
import { type RunningProgram, runToEnd, startProgram } from '../support/program.ts'
import { plant, secretsOf } from '../support/secrets/planted-secrets.ts'
import { searchDatabase, searchHistories } from '../support/secrets/secret-search.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
const quiet = { info() {}, warn() {} }

type Run = { id: string; cloud_status: string; cloud_sync_status: CloudSyncStatus; workflow_id: string }

describe('the program', () => {
  let directory: string
  let clouds: readonly CloudDouble[]
  let environment: Record<string, string>
  let program: RunningProgram

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloud-sync-program-'))
    const authority = await createTestAuthority()
    clouds = await Promise.all(ALL_CLOUDS.map((start) => start(authority)))
    plant(secretsOf(clouds))
    environment = {
      DATA_DIR: join(directory, 'data'),
      NODE_EXTRA_CA_CERTS: await writeAuthority(authority, directory),
      ...Object.assign({}, ...clouds.map((cloud) => cloud.env)),
    }
    program = await startProgram(environment)
    await program.api('POST', '/api/instances', { slug: 'acme', name: 'Acme' })
    for (const cloud of clouds) {
      const account = await program.api<{ id: string }>('POST', '/api/accounts', {
        name: cloud.kind,
        provider: cloud.kind,
        credentials: cloud.credentials,
        settings: cloud.settings,
      })
      assert.equal(account.status, 201, JSON.stringify(account.body))
      const binding = await program.api('POST', '/api/instances/acme/bindings', {
        account_id: account.body.id,
      })
      assert.equal(binding.status, 201, JSON.stringify(binding.body))
    }
  })
  after(async () => {
    await program.stop()
    await Promise.all(clouds.map((cloud) => cloud.close()))
    await rm(directory, { recursive: true, force: true })
  })

  const writeArchive = async (name: string, content: Buffer) => {
    const folder = join(directory, 'data', 'backups', 'acme')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, name), content)
    return `acme/${name}`
  }
  const settled = (runId: string) =>
    until(
      'the run is settled',
      async () => {
        const { body } = await program.api<Run>('GET', `/api/runs/${runId}`)
        return body.cloud_status === 'pending' ? null : body
      },
      120_000,
    )

  it('an upload goes on from its offset after kill -9, and one file is there in the end', async () => {
    const content = randomBytes(96 * MIB)
    const archive = await writeArchive('crash.dump', content)
    const struck = clouds.map((cloud) => {
      cloud.server.forgetRequests()
      // OneDrive drops an incomplete fragment, so it stalls in its second one.
      return cloud.server.faults.add({
        operation: 'chunk',
        after: cloud.kind === 'google_drive' ? 0 : 1,
        action: { kind: 'stall_after', bytes: cloud.kind === 'google_drive' ? 40 * MIB : MIB },
      })
    })
    const started = await program.api<Run>('POST', '/api/runs', { instance: 'acme', archive })
    assert.equal(started.status, 202)
    await until('every upload is in its middle', async () =>
      struck.every((count) => count() > 0) ? true : null,
    )
    // Drive gets one long request: the upload goes on from what arrived of it before the crash.
    await until('everything before the faults has arrived', async () =>
      clouds.every(
        (cloud) => cloud.kind !== 'google_drive' || cloud.server.bytesReceived('chunk') >= 40 * MIB,
      )
        ? true
        : null,
    )
    await program.crash()
    program = await startProgram(environment)
    const run = await settled(started.body.id)
    assert.equal(run.cloud_status, 'uploaded', JSON.stringify(run.cloud_sync_status))
    for (const cloud of clouds) {
      const files = cloud.files('/odoo-backups/acme')
      assert.equal(files.length, 1)
      assert.equal(sha256(files[0]?.content ?? Buffer.alloc(0)), sha256(content))
      const sent = cloud.server.bytesReceived('chunk')
      assert.ok(sent < 1.75 * content.byteLength, `${cloud.kind} was sent ${sent} bytes: it began anew`)
    }
  })

  it('the temporal command can start a run with nothing in the database but instance and bindings', async () => {
    const archive = await writeArchive('cli.zip', randomBytes(MIB))
    const cli = await findTemporalCli({
      environment: process.env,
      log: { info: () => undefined, warn: () => undefined },
    })
    const { stdout } = await promisify(execFile)(cli, [
      'workflow',
      'execute',
      ...['--address', program.temporalAddress, '--type', 'cloudSyncWorkflow', '--task-queue', 'cloud'],
      ...['--workflow-id', 'cloud-sync/acme/from-the-cli'],
      ...['--input', JSON.stringify({ instance: 'acme', archive }), '--output', 'json'],
    ])
    const { result } = JSON.parse(stdout) as { result: { run_id: string; status: string } }
    assert.equal(result.run_id, 'from-the-cli')
    assert.equal(result.status, 'uploaded')
    const { body } = await program.api<Run>('GET', '/api/runs/from-the-cli')
    assert.equal(body.cloud_status, 'uploaded')
  })

  it('the audit names the key that the first start made, by its fingerprint', async () => {
    type Trail = { items: readonly { event: string; details: { fingerprint?: string } }[] }
    const { body } = await program.api<Trail>('GET', '/api/audit?event=key_created')
    assert.equal(body.items.length, 1)
    assert.match(body.items[0]?.details.fingerprint ?? '', /^[0-9a-f]{8}$/)
  })

  it('no secret stands in answers, histories, log, database or process arguments (docs/design.md, rule 5)', async () => {
    const secrets = secretsOf(clouds)
    const { body: accounts } = await program.api<{ items: readonly { id: string }[] }>('GET', '/api/accounts')
    const paths = [
      '/api/accounts',
      ...accounts.items.map(({ id }) => `/api/accounts/${id}`),
      ...['/api/instances', '/api/instances/acme', '/api/instances/acme/bindings', '/api/runs?live=true'],
      ...[
        '/api/runs/from-the-cli',
        '/api/audit?limit=200',
        '/api/system',
        '/api/users',
        '/api/tokens',
        '/readyz',
      ],
    ]
    for (const path of paths) {
      const { status } = await program.api('GET', path)
      assert.equal(status, 200, path)
    }
    for (const { id } of accounts.items) {
      const check = await program.api<{ ok: boolean }>('POST', `/api/accounts/${id}/check`)
      assert.equal(check.body.ok, true)
    }
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'], { maxBuffer: 8 * MIB })
    for (const secret of secrets) assert.ok(!stdout.includes(secret))
    const connection = await Connection.connect({ address: program.temporalAddress })
    assert.ok((await searchHistories(new Client({ connection }))) >= 8)
    await connection.close()
    assert.equal(await program.stop(), 0, program.log())
    const postgres = await startEmbeddedPostgres({
      directory: join(directory, 'data', 'postgres'),
      log: quiet,
    })
    const db = openDatabase(postgres.url, { log: quiet })
    await searchDatabase(db)
    await db.destroy()
    await postgres.stop()
    program = await startProgram(environment)
  })

  it('the program stops cleanly, and refuses to start with another key and changes nothing', async () => {
    assert.equal(await program.stop(), 0, program.log())
    const key = join(directory, 'data', 'secret.key')
    const original = await readFile(key)
    await writeFile(key, `${randomBytes(32).toString('base64url')}=\n`)
    const refused = await runToEnd(environment)
    assert.notEqual(refused.code, 0)
    assert.match(refused.output, /key/i)
    await rm(key)
    const missing = await runToEnd(environment)
    assert.notEqual(missing.code, 0)
    assert.match(missing.output, /missing/)
    await writeFile(key, original, { mode: 0o600 })
    program = await startProgram(environment)
    assert.equal((await program.api('GET', '/api/runs/from-the-cli')).status, 200)
  })

  it('an endpoint without TLS is refused before anything is started', async () => {
    const fresh = join(directory, 'never')
    const refused = await runToEnd({
      ...environment,
      DATA_DIR: fresh,
      DROPBOX_API_ROOT: 'http://127.0.0.1:1',
    })
    assert.notEqual(refused.code, 0)
    assert.match(refused.output, /DROPBOX_API_ROOT/)
    await assert.rejects(readFile(join(fresh, 'secret.key')))
  })

  it('a start without its server or program ends with a sentence that names the variable', async () => {
    const second = { ...environment, DATA_DIR: join(directory, 'second') }
    const cases = {
      TEMPORAL_CLI: '/nowhere/temporal',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DATABASE_URL: 'postgresql://nobody:secret-word@127.0.0.1:1/none',
      BACKUP_ROOT: join(directory, 'test-ca.pem'),
    }
    for (const [variable, value] of Object.entries(cases)) {
      const refused = await runToEnd({ ...second, [variable]: value })
      assert.equal(refused.code, 1, refused.output)
      assert.match(refused.output, new RegExp(variable))
      assert.doesNotMatch(refused.output, /^ {4}at |secret-word/m)
    }
  })

  it('a start on a port in use ends with a sentence', async () => {
    const { port } = new URL(program.url)
    const refused = await runToEnd({ ...environment, DATA_DIR: join(directory, 'second'), PORT: port })
    assert.notEqual(refused.code, 0)
    assert.match(refused.output, new RegExp(`PORT ${port} is in use`))
  })

  it('a second program on a data folder is told who has it', async () => {
    const refused = await runToEnd(environment)
    assert.notEqual(refused.code, 0)
    assert.match(refused.output, new RegExp(String(program.pid)))
    assert.equal((await program.api('GET', '/readyz')).status, 200)
  })
})
