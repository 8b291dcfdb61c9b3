// The embedded PostgreSQL through its life: first start, restart, a crash of the program, leftovers of a reboot.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { startEmbeddedPostgres } from '../../../db/embedded/server.ts'

const said: string[] = []
const log = { info: (message: string) => said.push(message), warn: (message: string) => said.push(message) }

let folder = ''
let directory = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloud-sync-embedded-'))
  await chmod(folder, 0o755)
  directory = join(folder, 'with space', 'postgres')
})

after(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('embedded PostgreSQL', () => {
  it('the embedded PostgreSQL is made at the first start, and keeps its rows and its port over a restart', async () => {
    const first = await startEmbeddedPostgres({ directory, log })
    await query(first.url, 'create table kept (word text)')
    await query(first.url, "insert into kept values ('here')")
    await first.stop()
    await first.stop()

    const second = await startEmbeddedPostgres({ directory, log })
    assert.deepEqual(await query(second.url, 'select word from kept'), [['here']])
    assert.equal(second.port, first.port)
    await second.stop()
  })

  it('the embedded PostgreSQL syncs to the disk, speaks UTF-8 and UTC, and listens on the loopback alone', async () => {
    const server = await startEmbeddedPostgres({ directory, log })
    const settings = ['fsync', 'full_page_writes', 'TimeZone', 'server_encoding', 'listen_addresses']
    const found = await Promise.all(
      settings.map((name) => query(server.url, `select current_setting('${name}')`)),
    )
    assert.deepEqual(found.flat(2), ['on', 'on', 'UTC', 'UTF8', '127.0.0.1'])
    assert.deepEqual(await query(server.url, "select upper('ä')"), [['Ä']])
    await server.stop()
  })

  it('the embedded PostgreSQL lets nobody in without the password, which only its owner can read', async () => {
    const server = await startEmbeddedPostgres({ directory, log })
    const wrong = new URL(server.url)
    wrong.password = 'wrong'
    await assert.rejects(query(wrong.href, 'select 1'), /password authentication failed/)
    assert.equal((await stat(join(directory, 'password'))).mode & 0o777, 0o600)
    await server.stop()
  })

  it('the embedded PostgreSQL of a killed program is taken over by the next start', async () => {
    const program = spawn(process.execPath, [join(import.meta.dirname, 'killed.ts'), directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    program.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    await once(program, 'close')
    assert.equal(program.signalCode, 'SIGKILL')
    const postmaster = await postmasterPid()

    const server = await startEmbeddedPostgres({ directory, log })
    assert.equal(server.port, Number(output))
    assert.equal(await postmasterPid(), postmaster)
    await server.stop()
  })

  it('an embedded PostgreSQL that ends by itself says so, can still be stopped, and starts again', async () => {
    const server = await startEmbeddedPostgres({ directory, log })
    process.kill(Number(await postmasterPid()), 'SIGKILL')
    const { expected, reason } = await within(30_000, server.exited)
    assert.deepEqual([expected, reason.includes('server.log')], [false, true])
    await server.stop()
    const again = await startEmbeddedPostgres({ directory, log })
    assert.deepEqual(await query(again.url, 'select word from kept'), [['here']])
    await again.stop()
    assert.equal((await within(30_000, again.exited)).expected, true)
  })

  it('the embedded PostgreSQL starts although a crash left the note of a process whose number now belongs to another', async () => {
    const other = spawn('sleep', ['60'], { cwd: folder, stdio: 'ignore' })
    await writeFile(
      join(directory, 'cluster', 'postmaster.pid'),
      `${other.pid}\n${directory}/cluster\n1\n1\n\n127.0.0.1\n`,
    )
    const server = await startEmbeddedPostgres({ directory, log })
    await server.stop()
    other.kill()
    await once(other, 'exit')
  })

  it('the embedded PostgreSQL moves to another port when its own was taken meanwhile', async () => {
    const taken = Number(await readFile(join(directory, 'port'), 'utf8'))
    const squatter = createServer().listen(taken, '127.0.0.1')
    await once(squatter, 'listening')
    const server = await startEmbeddedPostgres({ directory, log })
    assert.notEqual(server.port, taken)
    await server.stop()
    squatter.close()
  })

  it('the embedded PostgreSQL refuses files of another release and leaves them as they are', async () => {
    const version = join(directory, 'cluster', 'PG_VERSION')
    const ours = await readFile(version, 'utf8')
    await writeFile(version, '12\n')
    await assert.rejects(startEmbeddedPostgres({ directory, log }), /made by PostgreSQL 12/)
    await writeFile(version, ours)
    const server = await startEmbeddedPostgres({ directory, log })
    assert.deepEqual(await query(server.url, 'select word from kept'), [['here']])
    await server.stop()
  })

  it('the embedded PostgreSQL finishes a first start that was cut off', async () => {
    const cut = join(folder, 'cut')
    const server = await startEmbeddedPostgres({ directory: cut, log })
    await server.stop()
    await rm(join(cut, 'cluster'), { recursive: true })
    await rm(join(cut, 'password'))
    const again = await startEmbeddedPostgres({ directory: cut, log })
    await again.stop()
    assert.deepEqual((await readdir(cut)).sort(), ['cluster', 'password', 'port', 'server.log'])
  })

  it('the embedded PostgreSQL never shows its password', async () => {
    const password = (await readFile(join(directory, 'password'), 'utf8')).trim()
    assert.ok(said.length > 0)
    assert.ok(!said.join('\n').includes(password))
  })
})

async function query(url: string, text: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<unknown[]>({ text, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

/** Keeps this process alive while it waits, which watching another process does not do. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`it took more than ${ms} ms`)), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

async function postmasterPid(): Promise<string | undefined> {
  return (await readFile(join(directory, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]
}
