// `cloud-sync upload` against a running program.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Api, startApi } from '../../../api/server.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { createLogger } from '../../../db/process/log.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { randomName, testVault } from '../../support/rows.ts'
import { createTestSystem, type TestSystem } from '../../support/system.ts'
import { until } from '../../support/until.ts'
import { run, TOKEN } from './run-command.ts'

describe('cloud-sync upload', () => {
  let system: TestSystem
  let api: Api
  let env: Record<string, string>
  before(async () => {
    system = await createTestSystem([EMULATORS.dropbox])
    const config = {
      ...system.config,
      apiToken: TOKEN,
      port: { port: 0, asked: true },
      adminPassword: 'not used',
    }
    const log = createLogger({ logLevel: 'silent' })
    const temporal = connectTemporal({ address: system.temporal.address, taskQueue: config.taskQueue })
    api = await startApi({ config, db: system.db, temporal, vault: testVault, log })
    env = { CLOUD_SYNC_URL: api.url, API_TOKEN: TOKEN }
  })
  after(async () => {
    await api.stop()
    await system.close()
  })

  it('the command uploads a file named by its full path, from this folder or from BACKUP_ROOT, and waits for the end', async () => {
    const { slug } = await system.bind()
    for (const how of ['absolute', 'from here', 'from the root']) {
      const path = await system.writeArchive(`${slug}/${randomName('day')}/x.dump`, randomBytes(30_000))
      const absolute = join(system.config.backupRoot, path)
      const file = how === 'absolute' ? absolute : how === 'from here' ? 'x.dump' : path
      const cwd = how === 'from here' ? dirname(absolute) : tmpdir()
      const { code, out, err } = await run(['upload', '--instance', slug, file, '--wait'], env, cwd)
      assert.equal(code, 0, `${how}: ${out}${err}`)
      assert.match(out, /^run [0-9a-f-]{36}: acme-/)
      assert.match(out, /uploaded to \/odoo-backups\//)
      assert.match(out, /uploaded to every destination\n$/)
    }
  })

  it('the command ends with 1 when a destination fails or none is bound, and says why', async () => {
    const { slug } = await system.bind({}, [])
    const path = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const none = await run(['upload', '--instance', slug, path, '--wait'], env)
    assert.deepEqual([none.code, /no enabled destination/.test(none.err)], [1, true], none.err)
    const bound = await system.bind()
    const archive = await system.writeArchive(`${bound.slug}/x.zip`, randomBytes(100))
    for (const cloud of system.clouds) {
      const error = { '.tag': 'path', reason: { '.tag': 'insufficient_space' } }
      const body = { error_summary: 'path/insufficient_space/.', error }
      cloud.server.faults.add({ operation: 'upload', action: { kind: 'status', status: 409, body } })
    }
    const failed = await run(
      ['upload', '--instance', bound.slug, archive, '--wait', '--run-id', randomName('r')],
      env,
    )
    for (const cloud of system.clouds) cloud.server.faults.clear()
    assert.equal(failed.code, 1, failed.out + failed.err)
    assert.match(failed.out, /failed: /)
  })

  it('the command ends with 1 when the run is cancelled, and says so', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const id = randomName('r')
    const [cloud] = system.clouds
    const struck = cloud?.server.faults.add({
      operation: 'upload',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'stall_after', bytes: 10 },
    })
    const ended = run(['upload', '--instance', slug, archive, '--wait', '--run-id', id], env)
    await until('the upload hangs', async () => ((struck?.() ?? 0) > 0 ? true : null))
    const headers = { authorization: `Bearer ${TOKEN}` }
    const cancel = await fetch(`${api.url}/api/runs/${id}/cancel`, { method: 'POST', headers })
    assert.equal(cancel.status, 202)
    const { code, out, err } = await ended
    cloud?.server.faults.clear()
    assert.equal(code, 1, out + err)
    assert.match(err, /the run was cancelled/)
  })

  it('the command says when an accepted file is not kept, and only then', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const kept = await run(['upload', '--instance', slug, archive], env)
    assert.deepEqual([kept.code, kept.err], [0, ''])
    const unseen = await run(
      ['upload', '--instance', slug, archive, '--queue', randomName('cloud-host7')],
      env,
    )
    assert.equal(unseen.code, 0, unseen.err)
    assert.match(unseen.err, /not kept yet.*keep it until/)
  })

  it('the command ends with 2 on bad input, usage or token', async () => {
    const { slug } = await system.bind()
    const file = join(tmpdir(), 'nothing.zip')
    const cases: readonly [readonly string[], Record<string, string>, RegExp][] = [
      [['upload', '--instance', 'nobody', 'x.zip'], env, /there is no instance "nobody"/],
      [['upload', '--instance', slug, file], env, /archive/],
      [['upload', '--instance', slug], env, /one FILE/],
      [['upload', '--instance', slug, 'x.zip', '--colour'], env, /--colour/],
      [['upload', '--instance', slug, 'x.zip'], { ...env, API_TOKEN: 'wrong' }, /valid token/],
      [['upload', '--instance', slug, 'x.zip'], { CLOUD_SYNC_URL: api.url }, /API_TOKEN/],
      [['upload', '--instance', slug, 'x.zip', '--url', 'ftp://x'], env, /must be a URL/],
      [['sing'], env, /no command "sing"/],
      [[], env, /^$/],
    ]
    for (const [args, environment, message] of cases) {
      const { code, err } = await run(args, environment)
      assert.equal(code, 2, `${args.join(' ')}: ${err}`)
      assert.match(err, message)
    }
    assert.equal((await run(['help'], {})).code, 0)
  })

  it('the command reads the token from a file', async () => {
    const { slug } = await system.bind()
    const file = join(system.config.dataDir, 'token')
    await writeFile(file, `${TOKEN}\n`, { mode: 0o600 })
    const path = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const args = ['upload', '--instance', slug, path, '--url', api.url]
    assert.equal((await run([...args, '--token-file', file], {})).code, 0)
    assert.equal((await run([...args, '--token-file', `${file}.none`], {})).code, 2)
  })
})
