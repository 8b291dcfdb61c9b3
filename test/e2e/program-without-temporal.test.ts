// `npm start` while its Temporal server is away: it links an archive on its own disk before it answers.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { getRun } from '../../db/runs/runs.ts'
import { createTcpGate, type TcpGate } from '../api/operation/tcp-gate.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { type RunningProgram, startProgram } from '../support/program.ts'
import { createTestTemporal, type TestTemporal } from '../support/temporal.ts'
import { until } from '../support/until.ts'

describe('the program without its Temporal server', () => {
  let database: TestDatabase
  let temporal: TestTemporal
  let gate: TcpGate
  let folder: string
  let program: RunningProgram
  before(async () => {
    database = await createTestDatabase()
    temporal = await createTestTemporal()
    const [host = '', port = ''] = temporal.address.split(':')
    gate = await createTcpGate({ host, port: Number(port) })
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-program-'))
    program = await startProgram({
      DATA_DIR: folder,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: `127.0.0.1:${gate.port}`,
      TASK_QUEUE: temporal.taskQueue(),
    })
  })
  after(async () => {
    await program.stop()
    await gate.close()
    await temporal.close()
    await database.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('the program links a reported archive without Temporal, so that the file may be deleted after the answer', async () => {
    const { api } = program
    assert.equal((await api('POST', '/api/instances', { slug: 'acme', name: 'Acme' })).status, 201)
    await mkdir(join(folder, 'backups', 'acme'), { recursive: true })
    const file = join(folder, 'backups', 'acme', 'x.dump')
    await writeFile(file, 'content')
    await gate.close()
    const answer = await api('POST', '/api/runs', {
      instance: 'acme',
      archive: 'acme/x.dump',
      run_id: 'night',
    })
    await rm(file)
    assert.deepEqual([answer.status, answer.body.run_id, answer.body.pin], [503, 'night', 'linked'])
    const { pin_path } = (await getRun(database.db, 'night')) ?? assert.fail('the run is recorded')
    assert.equal(await readFile(pin_path ?? '', 'utf8'), 'content')
    await gate.open()
    await until('the run has ended', async () =>
      (await getRun(database.db, 'night'))?.cloud_status === 'pending' ? null : true,
    )
    assert.equal((await getRun(database.db, 'night'))?.error, null)
  })
})
