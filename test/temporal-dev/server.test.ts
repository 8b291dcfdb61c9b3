// The embedded Temporal server through its life: start, restart, crash of the program, crash of the server, a history
// that will not open.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client, Connection } from '@temporalio/client'
import { isAlive } from '../../db/process-identity.ts'
import { findTemporalCli } from '../../temporal-dev/find-cli.ts'
import { startTemporalServer } from '../../temporal-dev/server.ts'
import { prepareNamespace, SEARCH_ATTRIBUTES } from '../../temporal-dev/setup.ts'

const said: string[] = []
const log = { info: (message: string) => said.push(message), warn: (message: string) => said.push(message) }

let cli = ''
let directory = ''

before(async () => {
  cli = await findTemporalCli({ environment: process.env, log })
  directory = await mkdtemp(join(tmpdir(), 'cloud-sync-temporal-'))
})

after(async () => {
  await rm(directory, { recursive: true, force: true })
})

const options = (more: Partial<Parameters<typeof startTemporalServer>[0]> = {}) => ({
  cli,
  directory,
  port: 0,
  portAsked: false,
  uiPort: 0,
  uiPortAsked: false,
  log,
  ...more,
})

describe('the embedded Temporal server', () => {
  it('keeps workflows, attributes and retention over a restart, in a write-ahead log', async () => {
    const first = await startTemporalServer(options())
    assert.equal(first.fresh, false)
    await withConnection(first.address, async (connection) => {
      await prepareNamespace(connection, first.namespace)
      await new Client({ connection }).workflow.start('waitsForAWorker', {
        taskQueue: 'none',
        workflowId: 'kept',
      })
    })
    await first.stop()
    await first.stop()
    assert.deepEqual((await first.exited).expected, true)

    const second = await startTemporalServer(options())
    await withConnection(second.address, async (connection) => {
      await prepareNamespace(connection, second.namespace)
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace: second.namespace,
      })
      for (const name of SEARCH_ATTRIBUTES) assert.ok(Object.hasOwn(customAttributes, name), name)
      const { config } = await connection.workflowService.describeNamespace({ namespace: second.namespace })
      assert.equal(Number(config?.workflowExecutionRetentionTtl?.seconds), 90 * 24 * 60 * 60)
      const found = await new Client({ connection }).workflow.getHandle('kept').describe()
      assert.equal(found.status.name, 'RUNNING')
    })
    await stat(join(directory, 'temporal.db-wal'))
    await second.stop()
  })

  it('serves its Web UI on the loopback', async () => {
    const server = await startTemporalServer(options())
    const page = await fetch(server.uiUrl)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<html/i)
    assert.equal(new URL(server.uiUrl).hostname, '127.0.0.1')
    await server.stop()
  })

  it('stops the server that a killed program left behind before it starts one on the same file', async () => {
    const program = spawn(process.execPath, [join(import.meta.dirname, 'server-killed.ts'), cli, directory], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await once(program, 'exit')
    assert.equal(program.signalCode, 'SIGKILL')
    const { pid } = JSON.parse(await readFile(join(directory, 'server.pid'), 'utf8'))
    assert.ok(isAlive(pid))

    const server = await startTemporalServer(options())
    await until(() => !isAlive(pid))
    await server.stop()
  })

  it('leaves a process alone whose number is that of an old server', async () => {
    const other = spawn('sleep', ['60'], { stdio: 'ignore' })
    await writeFile(
      join(directory, 'server.pid'),
      JSON.stringify({ pid: other.pid, identity: 'of an earlier boot' }),
    )
    const server = await startTemporalServer(options())
    assert.equal(other.exitCode, null)
    assert.ok(other.pid !== undefined && isAlive(other.pid))
    await server.stop()
    other.kill()
    await once(other, 'exit')
  })

  it('says when the server ends by itself', async () => {
    const server = await startTemporalServer(options())
    const { pid } = JSON.parse(await readFile(join(directory, 'server.pid'), 'utf8'))
    process.kill(pid, 'SIGKILL')
    assert.deepEqual(await server.exited, { expected: false, reason: 'Temporal server ended by SIGKILL' })
    await server.stop()
  })

  it('moves to another port when nobody asked for the busy one, and refuses when somebody did', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const address = squatter.address()
    const port = typeof address === 'object' && address ? address.port : 0

    await assert.rejects(startTemporalServer(options({ port, portAsked: true })), /TEMPORAL_PORT, is in use/)
    await assert.rejects(
      startTemporalServer(options({ uiPort: port, uiPortAsked: true })),
      /TEMPORAL_UI_PORT, is in use/,
    )
    const server = await startTemporalServer(options({ port }))
    assert.notEqual(server.address, `127.0.0.1:${port}`)
    assert.ok(said.some((line) => line.includes(`port ${port} is in use`) && line.includes('TEMPORAL_PORT')))
    await server.stop()
    squatter.close()
  })

  it('moves a history that will not open aside, begins a new one and says so', async () => {
    const history = join(directory, 'temporal.db')
    await rm(`${history}-wal`)
    await writeFile(history, 'this is no database'.repeat(1000))
    const server = await startTemporalServer(options())
    assert.equal(server.fresh, true)
    await server.stop()
    const aside = (await readdir(directory)).find((name) => name.startsWith('temporal.db.unopened-'))
    const kept = await readFile(join(directory, aside ?? ''), 'utf8')
    assert.equal(kept.slice(0, 19), 'this is no database')
    assert.ok(said.some((line) => line.includes('would not open')))
  })

  it('puts the history back when a new one does not start either', async () => {
    const broken = join(directory, 'broken-temporal')
    await writeFile(broken, '#!/bin/sh\necho "Error: database schema is wrong"\nexit 1\n', { mode: 0o755 })
    const before = await readFile(join(directory, 'temporal.db'))
    await assert.rejects(startTemporalServer(options({ cli: broken })), /database schema is wrong/)
    assert.ok(before.equals(await readFile(join(directory, 'temporal.db'))))
  })
})

async function withConnection(
  address: string,
  use: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = await Connection.connect({ address })
  try {
    await use(connection)
  } finally {
    await connection.close()
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!isSo()) {
    assert.ok(Date.now() < deadline, 'it did not become so')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
