// The whole program on one machine when one of its own servers dies under it: a service manager must get to know.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { isAlive } from '../../db/machine/process-identity.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'

const logLine = z.object({ level: z.string(), msg: z.string() })

describe('the program on one machine', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloud-sync-start-'))
  })
  after(() => rm(directory, { recursive: true, force: true }))

  const servers = {
    PostgreSQL: async () =>
      (await readFile(join(directory, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0],
    Temporal: async () => JSON.parse(await readFile(join(directory, 'temporal', 'server.pid'), 'utf8')).pid,
  }
  for (const [name, pidOf] of Object.entries(servers)) {
    it(`says so and ends with a code when its ${name} server is killed, and starts again`, async () => {
      const program = await startProgram({ DATA_DIR: directory })
      try {
        assert.equal((await program.api('GET', '/readyz')).status, 200)
        process.kill(Number(await pidOf()), 'SIGKILL')
        await until('the program has ended', async () => (isAlive(program.pid) ? null : true), 60_000)
        const fatal = program
          .log()
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => logLine.parse(JSON.parse(line)))
          .filter(({ level }) => level === 'fatal')
        assert.deepEqual(
          fatal.map(({ msg }) => [msg.includes(name), msg.includes('ending')]),
          [[true, true]],
          program.log(),
        )
      } finally {
        assert.equal(await program.stop(), 1)
      }
    })
  }
})
