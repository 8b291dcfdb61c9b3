// Ctrl-C while the program starts and while it stops, and a start beside a program that is just stopping. Temporal's program is
// played by a script that never gets ready, and where wanted does not end when it is asked to.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { isAlive, processIdentity } from '../../db/machine/process-identity.ts'
import { until } from '../support/until.ts'

const START = join(dirname(dirname(import.meta.dirname)), 'temporal-dev', 'start.ts')
const LONG_MS = 120_000

describe('a program that is interrupted while it starts', () => {
  let directory: string
  let data: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloud-sync-interrupted-'))
    data = join(directory, 'data')
    await mkdir(data)
  })
  after(() => rm(directory, { recursive: true, force: true }))

  const standIn = async (name: string, onStop: string) => {
    const path = join(directory, name)
    const version = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)'
    const lines = [
      '#!/bin/sh',
      `[ "$1" = server ] || { echo '${version}'; exit; }`,
      onStop,
      `echo $$ > '${path}.new' && mv '${path}.new' '${path}.pid'`,
      'while :; do sleep 0.2; done',
    ]
    await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o755 })
    return path
  }
  const start = (cli: string) => {
    const program = spawn(process.execPath, [START], {
      env: { PATH: process.env.PATH, DATA_DIR: data, TEMPORAL_CLI: cli, PORT: '0', TEMPORAL_PORT: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let log = ''
    program.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    return { program, log: () => log, ended: once(program, 'exit') }
  }
  const waits = async (cli: string) =>
    Number(
      await until("Temporal's program runs", () => readFile(`${cli}.pid`, 'utf8').catch(() => null), LONG_MS),
    )
  const said = (log: () => string, text: string) =>
    until(`the log says: ${text}`, async () => (log().includes(text) ? true : null), LONG_MS)
  const isGone = (pid: number) =>
    until(`process ${pid} is gone`, async () => ((await processIdentity(pid)) === null ? true : null))
  const kill = (program: ChildProcess) => void program.kill('SIGKILL')

  it('ends at its step and stops what it had started, although a part is not ready yet', async (t) => {
    const cli = await standIn('never-ready', '')
    const { program, log, ended } = start(cli)
    t.after(() => kill(program))
    const temporal = await waits(cli)
    const postmaster = Number(
      (await readFile(join(data, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0],
    )
    program.kill('SIGINT')
    assert.deepEqual(await ended, [130, null], log())
    await isGone(temporal)
    await isGone(postmaster)
    assert.ok(!(await readdir(data)).includes('cloud-sync.pid'))
  })

  it('ends at once at the second Ctrl-C, and the next start goes on with what still runs', async (t) => {
    const stubborn = await standIn('stubborn', "trap '' TERM")
    const { program, log, ended } = start(stubborn)
    t.after(() => kill(program))
    const temporal = await waits(stubborn)
    program.kill('SIGINT')
    await said(log, 'stopping;')
    // Until the second one no longer counts as the first one handed on.
    const again = setInterval(() => program.kill('SIGINT'), 100)
    assert.deepEqual(await ended, [130, null], log())
    clearInterval(again)
    assert.match(log(), /ending at once/)
    assert.ok(isAlive(temporal), 'it was not waited for')

    const next = start(await standIn('of-the-next', ''))
    t.after(() => kill(next.program))
    await said(next.log, 'going on with it')
    await isGone(temporal)
    next.program.kill('SIGTERM')
    assert.deepEqual(await next.ended, [130, null], next.log())
  })

  it('is waited for by a start beside it', async (t) => {
    const slow = await standIn('slow', "trap '' TERM")
    const first = start(slow)
    t.after(() => kill(first.program))
    await waits(slow)
    first.program.kill('SIGINT')
    await until('its lock says that it is stopping', async () => {
      const lock = await readFile(join(data, 'cloud-sync.pid'), 'utf8')
      return lock.includes('stopping') ? true : null
    })
    // A start may take longer than a stop, which is to be seen before it is over.
    first.program.kill('SIGSTOP')
    const second = start(await standIn('second', ''))
    t.after(() => kill(second.program))
    await said(second.log, 'which is stopping: waiting for it')
    first.program.kill('SIGCONT')
    await waits(join(directory, 'second'))
    assert.deepEqual(await first.ended, [130, null], first.log())
    second.program.kill('SIGINT')
    assert.deepEqual(await second.ended, [130, null], second.log())
  })

  it('stops a PostgreSQL that is not ready yet', async () => {
    const interrupt = new AbortController()
    const log = { info: () => interrupt.abort(new Error('interrupted')), warn: () => undefined }
    const fresh = join(directory, 'fresh')
    await assert.rejects(
      startEmbeddedPostgres({ directory: fresh, log, signal: interrupt.signal }),
      /^Error: interrupted$/,
    )
    const server = await startEmbeddedPostgres({ directory: fresh, log })
    await server.stop()
  })
})
