// One program a data folder: who is refused, and which leftovers are recognised.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { lockDataDir } from '../../temporal-dev/data-lock.ts'
import { until } from '../support/until.ts'

let folder = ''
const lockFile = () => join(folder, 'cloud-sync.pid')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloud-sync-lock-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('the lock of a data folder', () => {
  it('refuses a second program, names the first, and is free after its release', async () => {
    const lock = await lockDataDir(folder)
    await assert.rejects(lockDataDir(folder), new RegExp(`in use .* \\(process ${process.pid}\\)`))
    await lock.release()
    await lock.release()
    const next = await lockDataDir(folder)
    await next.release()
    assert.deepEqual(await readdir(folder), [])
  })

  it('lets exactly one of many in', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDir(folder)))
    const won = results.filter((result) => result.status === 'fulfilled')
    assert.equal(won.length, 1)
    await won[0]?.value.release()
  })

  it('takes over from a program that was killed', async () => {
    const program = spawn(process.execPath, [join(import.meta.dirname, 'locked-and-killed.ts'), folder])
    await once(program, 'exit')
    assert.equal(program.signalCode, 'SIGKILL')
    const lock = await lockDataDir(folder)
    await lock.release()
  })

  it('takes over when the number of the holder now belongs to another process', async () => {
    const lock = await lockDataDir(folder)
    const mine = JSON.parse(await readFile(lockFile(), 'utf8'))
    await lock.release()
    await writeFile(lockFile(), JSON.stringify({ ...mine, identity: 'of an earlier boot' }))
    const next = await lockDataDir(folder)
    await next.release()
  })

  it('is waited for while its holder is stopping, and says so once', async () => {
    const said: string[] = []
    const log = { info: (message: string) => said.push(message) }
    const lock = await lockDataDir(folder)
    await lock.noteStopping()
    const next = lockDataDir(folder, { log })
    await until('the wait has begun', async () => (said.length > 0 ? true : null))
    await lock.release()
    await (await next).release()
    assert.deepEqual(
      said.map((line) => line.includes(`process ${process.pid}), which is stopping: waiting`)),
      [true],
    )
    assert.deepEqual(await readdir(folder), [])
  })

  it('goes to exactly one of several that wait for a program that is stopping', async () => {
    const lock = await lockDataDir(folder)
    await lock.noteStopping()
    const said: string[] = []
    const log = { info: (message: string) => said.push(message) }
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => lockDataDir(folder, { log })))
    await until('all wait', async () => (said.length === 5 ? true : null))
    await lock.release()
    const won = (await waiting).filter((result) => result.status === 'fulfilled')
    assert.equal(won.length, 1)
    await won[0]?.value.release()
  })

  it('is refused when its holder does not get done with stopping, and when the wait is interrupted', async () => {
    const lock = await lockDataDir(folder)
    await lock.noteStopping()
    await assert.rejects(lockDataDir(folder, { stoppingMs: 300 }), /in use .* stop it first/)
    const interrupt = new AbortController()
    const log = { info: () => interrupt.abort(new Error('interrupted')) }
    await assert.rejects(lockDataDir(folder, { log, signal: interrupt.signal }), /^Error: interrupted$/)
    await lock.release()
    assert.deepEqual(await readdir(folder), [])
  })

  it('does not come back when it is released while it is noted that its holder is stopping', async () => {
    const lock = await lockDataDir(folder)
    const noted = lock.noteStopping()
    await lock.release()
    await noted
    assert.deepEqual(await readdir(folder), [])
  })

  it('is not kept fresh for another that took it over, and the first one gets to know', async () => {
    const lock = await lockDataDir(folder)
    await rm(lockFile())
    const theirs = JSON.stringify({ pid: 1, identity: null, place: 'elsewhere pid:[1]' })
    await writeFile(lockFile(), theirs)
    const past = new Date('2020-01-01T00:00:00Z')
    await utimes(lockFile(), past, past)
    await within(15_000, lock.lost)
    assert.equal((await stat(lockFile())).mtimeMs, past.getTime())
    await lock.release()
    assert.equal(await readFile(lockFile(), 'utf8'), theirs, 'it is not removed either')
    await rm(lockFile())
  })

  it('respects a holder in another container while its heart beats, and not after', async () => {
    await writeFile(lockFile(), JSON.stringify({ pid: 1, identity: null, place: 'elsewhere pid:[1]' }))
    const heart = setInterval(() => {
      const now = new Date()
      utimes(lockFile(), now, now).catch((error: unknown) => assert.fail(String(error)))
    }, 100)
    await assert.rejects(lockDataDir(folder), /another container/)
    clearInterval(heart)
    const lock = await lockDataDir(folder)
    await lock.release()
  })
})

/** Keeps the process alive meanwhile, which the heart of a lock does not. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`it took more than ${ms} ms`)), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
