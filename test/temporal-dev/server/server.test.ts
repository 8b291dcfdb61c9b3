// The embedded Temporal server through its life: start, restart, crash of the program, crash of the server, a history
// that will not open.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { Client, Connection } from '@temporalio/client'
import { isAlive } from '../../../db/machine/process-identity.ts'
import { findTemporalCli } from '../../../temporal-dev/cli/find-cli.ts'
import { prepareNamespace } from '../../../temporal-dev/server/search-attributes.ts'
import { startTemporalServer } from '../../../temporal-dev/server/server.ts'
import { SEARCH_ATTRIBUTES } from '../../../workflows/search-attributes.ts'

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

/** The histories that were moved aside. */
const setAside = async () =>
  (await readdir(directory)).filter((name) => /^temporal\.db\.unopened-[^.]*Z$/.test(name))

describe('the embedded Temporal server', () => {
  it('keeps workflows, attributes and retention over a restart, in a write-ahead log', async () => {
    const first = await startTemporalServer(options())
    assert.deepEqual(await setAside(), [])
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
    await server.stop()
    const aside = (await readdir(directory)).find((name) => name.startsWith('temporal.db.unopened-'))
    const kept = await readFile(join(directory, aside ?? ''), 'utf8')
    assert.equal(kept.slice(0, 19), 'this is no database')
    assert.ok(said.some((line) => line.includes('would not open')))
  })

  const standIn = async (script: string) => {
    const path = join(directory, 'stand-in-temporal')
    await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return path
  }
  const DAMAGED = 'database disk image is malformed (11)'

  it('puts the history back when a new one does not start either', async () => {
    const broken = await standIn(`echo "Error: failed starting server: ${DAMAGED}"; exit 1`)
    const before = await readFile(join(directory, 'temporal.db'))
    await assert.rejects(startTemporalServer(options({ cli: broken })), /image is malformed/)
    assert.ok(before.equals(await readFile(join(directory, 'temporal.db'))))
  })

  /** At its second start it is the real program: a history that was moved aside by mistake would stay there. */
  const onlyAtFirst = async (script: string) => {
    const flag = join(directory, 'was-started')
    await rm(flag, { force: true })
    return standIn(`[ -e '${flag}' ] && exec '${cli}' "$@"\ntouch '${flag}'\n${script}`)
  }

  it('keeps the history of a server that is only slow, whatever it has written to its log', async () => {
    const slow = await onlyAtFirst(`echo "Error: failed starting server: ${DAMAGED}"; kill -STOP $$`)
    await keepsItsHistory({ cli: slow, readyMs: 6_000 }, /did not answer within 6 s/)
  })

  const otherEnds = [
    'failed creating namespaces: context deadline exceeded',
    'failed creating namespaces: unable to create SQLite admin DB: database is locked (5)',
    'failed creating namespaces: unable to create SQLite admin DB: unable to open database file (14)',
    'unable to initialize system namespace: database or disk is full (13)',
    'persistence: schema version cannot be read',
  ]
  for (const reason of otherEnds) {
    it(`keeps the history of a server that ends with: ${reason}`, async () => {
      const ended = await onlyAtFirst(
        `echo "level=ERROR msg='${DAMAGED}'"; echo "Error: failed starting server: ${reason}"; exit 1`,
      )
      await keepsItsHistory({ cli: ended }, /the Temporal server does not start: it ended with code 1/)
    })
  }

  it('moves a history that was cut off, that is damaged, and that has tables of another release aside', async () => {
    const file = join(directory, 'temporal.db')
    const change = async (statement: string) => {
      const database = new DatabaseSync(file, { enableDoubleQuotedStringLiterals: true })
      database.exec(statement)
      database.close()
    }
    const damages = {
      'cut off': async () => truncate(file, (await stat(file)).size / 2),
      damaged: async () => {
        const content = await readFile(file)
        await writeFile(file, content.fill(0xa5, 4096))
      },
      'of another release': () => change('alter table namespaces drop column data'),
    }
    for (const [name, damage] of Object.entries(damages)) {
      const good = await startTemporalServer(options())
      await good.stop()
      await change('pragma wal_checkpoint(truncate)')
      const before = await setAside()
      await damage()
      const server = await startTemporalServer(options())
      await server.stop()
      assert.equal((await setAside()).length, before.length + 1, name)
    }
  })

  it('ends a start that is interrupted, with its server, and keeps the history', async () => {
    const interrupt = new AbortController()
    const never = await standIn(`touch '${directory}/started'; exec sleep 60`)
    const start = keepsItsHistory({ cli: never, signal: interrupt.signal }, /^Error: interrupted$/)
    await until(() => existsSync(join(directory, 'started')) && existsSync(join(directory, 'server.pid')))
    const { pid } = JSON.parse(await readFile(join(directory, 'server.pid'), 'utf8'))
    interrupt.abort(new Error('interrupted'))
    await start
    assert.equal(isAlive(pid), false)
  })

  async function keepsItsHistory(
    more: Partial<Parameters<typeof startTemporalServer>[0]>,
    message: RegExp,
  ): Promise<void> {
    const before = await readFile(join(directory, 'temporal.db'))
    const names = async () => (await readdir(directory)).filter((name) => name.includes('unopened')).sort()
    const aside = await names()
    await assert.rejects(startTemporalServer(options(more)), message)
    assert.deepEqual(await names(), aside)
    assert.ok(before.equals(await readFile(join(directory, 'temporal.db'))))
  }
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
