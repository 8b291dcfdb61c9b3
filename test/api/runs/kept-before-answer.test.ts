// A report of a backup is answered when its archive is kept: what links are there afterwards, and what the row says.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLocalArchives } from '../../../activities/archives/inspect-archive.ts'
import { createApp } from '../../../api/app.ts'
import type { LocalArchives } from '../../../api/archives/inspect-archive.ts'
import type { AppDeps } from '../../../api/context.ts'
import { waitForPin } from '../../../api/runs/pin-wait.ts'
import { TemporalUnavailable } from '../../../api/temporal/failures.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { getRun } from '../../../db/runs/runs.ts'
import type { Run } from '../../../db/schema.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { randomName, saveArchive, someInstance } from '../../support/rows.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, type Ask, askOf, assertProblem, createApiFixture, TOKEN, text } from '../fixture.ts'

describe('a report of a backup to an API that sees the archive', () => {
  let api: ApiFixture
  let root: string
  before(async () => {
    api = await createApiFixture()
    root = await realpath(await mkdtemp(join(tmpdir(), 'cloud-sync-kept-')))
  })
  after(async () => {
    await rm(root, { recursive: true, force: true })
    await api.close()
  })

  const local = (backupRoot = root, environment = {}) =>
    createLocalArchives({
      db: api.db,
      config: loadConfig({ DATA_DIR: root, BACKUP_ROOT: backupRoot, ...environment }),
    })
  const askWith = (change: Partial<AppDeps>): Ask => {
    const ask = askOf(createApp({ ...api, archives: local(), ...change }))
    return (method, path, body, headers = {}) =>
      ask(method, path, body, { authorization: `Bearer ${TOKEN}`, ...headers })
  }
  const away = async (): Promise<never> => {
    throw new TemporalUnavailable('gRPC status 14: away', 14)
  }
  const archive = async (content = 'content', at = root) => {
    const name = `${randomName('acme')}.dump`
    await writeFile(join(at, name), content)
    return name
  }
  const report = async () => {
    const { slug } = await someInstance(api.db)
    return { instance: slug, archive: await archive(), run_id: randomName('run') }
  }
  const links = (runId: string) => readdir(join(root, '.cloud-sync', runId)).catch(() => [])
  const pinPath = async (runId: string) => (await getRun(api.db, runId))?.pin_path ?? ''
  /** The one link that there is is the one that the row names, and is the archive. */
  const assertKept = async (runId: string, content = 'content') => {
    const path = await pinPath(runId)
    assert.deepEqual(
      (await links(runId)).map((name) => join(root, '.cloud-sync', runId, name)),
      [path],
    )
    assert.equal(await readFile(path, 'utf8'), content)
  }

  it('a reported backup is answered with its pin, which the row has from the beginning', async () => {
    const body = await report()
    const answer = await askWith({})('POST', '/api/runs', body)
    assert.equal(answer.status, 202, answer.text)
    assert.deepEqual([answer.body.pin, answer.body.size], ['linked', 7])
    await assertKept(body.run_id)
    const { items } = await listAudit(api.db, { run_id: body.run_id, limit: 10 })
    assert.deepEqual(items.map(({ event }) => event).reverse(), ['run_recorded', 'archive_pinned'])
    const run = await getRun(api.db, body.run_id)
    assert.equal(run?.archive_path, join(root, body.archive))
  })

  it('a reported backup is answered with its pin also while Temporal is away, without asking Temporal', async () => {
    const asked: string[] = []
    const temporal = {
      ...api.temporal,
      check: away,
      startSync: away,
      runActivity: async ({ name }: { name: string }) => {
        asked.push(name)
        return away()
      },
    }
    const ask = askWith({ temporal })
    const body = await report()
    const answer = await ask('POST', '/api/runs', body)
    assertProblem(answer, 503)
    assert.deepEqual([answer.body.run_id, answer.body.pin], [body.run_id, 'linked'])
    assert.match(text(answer.body.detail), /the file may go\.$/)
    await rm(join(root, body.archive))
    await assertKept(body.run_id)
    const again = await ask('POST', '/api/runs', body)
    assert.deepEqual([again.status, again.body.pin], [503, 'linked'])
    const missing = await ask('POST', '/api/runs', { ...body, run_id: randomName('run') })
    assert.deepEqual(assertProblem(missing, 422), ['archive'])
    assert.deepEqual(asked, [])
  })

  it('a 503 with pin null tells that nobody could see the archive', async () => {
    const temporal = { ...api.temporal, check: away, startSync: away, runActivity: away }
    const body = await report()
    const answer = await askWith({ temporal, archives: undefined })('POST', '/api/runs', body)
    assertProblem(answer, 503)
    assert.deepEqual([answer.body.run_id, answer.body.pin], [body.run_id, null])
    assert.match(text(answer.body.detail), /Keep the file/)
    const again = await askWith({ temporal })('POST', '/api/runs', body)
    assert.deepEqual([again.status, again.body.pin], [503, 'linked'], 'asked again, somebody sees it')
    await assertKept(body.run_id)
  })

  it('the API leaves archives of another host to that host, and pins those of its own queue', async () => {
    const own = local(root, { ARCHIVE_TASK_QUEUE: 'cloud-host7' })
    assert.deepEqual(
      [null, 'cloud-host7', 'cloud-host8', 'cloud'].map((queue) => own.sees(queue)),
      [false, true, false, false],
    )
    assert.deepEqual(
      [null, 'cloud-host8', 'cloud'].map((queue) => local().sees(queue)),
      [true, false, true],
    )
    const body = { ...(await report()), archive_task_queue: 'cloud-host8' }
    const answer = await askWith({})('POST', '/api/runs', body)
    assert.deepEqual([answer.status, answer.body.pin], [202, null])
    assert.deepEqual(await links(body.run_id), [])
  })

  it('a refused report leaves no link behind', async () => {
    const ask = askWith({})
    const body = await report()
    const strange = await ask('POST', '/api/runs', { ...body, instance: 'nobody' })
    assert.deepEqual(assertProblem(strange, 422), ['instance'])
    const unbound = await ask('POST', '/api/runs', { ...body, account_ids: ['nobody'] })
    assert.deepEqual(assertProblem(unbound, 422), ['account_ids'])
    const missing = await ask('POST', '/api/runs', { ...body, archive: 'none.dump' })
    assert.deepEqual(assertProblem(missing, 422), ['archive'])
    assert.deepEqual(await links(body.run_id), [])
    assert.equal((await ask('POST', '/api/runs', body)).status, 202)
    const other = await ask('POST', '/api/runs', { ...body, archive: await archive('other!!') })
    assert.deepEqual(assertProblem(other, 409), ['run_id'])
    await assertKept(body.run_id)
  })

  it('of two reports with one ID and different archives at once, one is pinned, and the other leaves no link', async () => {
    const ask = askWith({})
    const body = await report()
    await mkdir(join(root, 'other'), { recursive: true })
    await writeFile(join(root, 'other', body.archive), 'another')
    // Neither sees the run of the other one before its link is made.
    const archives = together(local(), 2)
    const both = askWith({ archives })
    const answers = await Promise.all(
      [body.archive, `other/${body.archive}`].map((one) =>
        both('POST', '/api/runs', { ...body, archive: one }),
      ),
    )
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [202, 409])
    const kept = answers.findIndex(({ status }) => status === 202) === 0 ? 'content' : 'another'
    await assertKept(body.run_id, kept)
    assert.equal((await ask('GET', `/api/runs/${body.run_id}`)).body.pin, 'linked')
  })

  it('a report that comes several times at once has one link', async () => {
    const body = await report()
    const ask = askWith({ archives: together(local(), 4) })
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask('POST', '/api/runs', body)))
    assert.deepEqual(
      answers.map(({ status, body: { pin } }) => [status, pin]),
      answers.map(() => [202, 'linked']),
    )
    await assertKept(body.run_id)
  })

  it('an archive that two runs report is pinned for each of them', async () => {
    const [one, ask] = [await report(), askWith({})]
    const other = { ...one, run_id: randomName('run') }
    for (const body of [one, other]) assert.equal((await ask('POST', '/api/runs', body)).status, 202)
    await rm(join(root, one.archive))
    await assertKept(one.run_id)
    await assertKept(other.run_id)
  })

  it('a reported backup says when the file system cannot link and the original is used', async (t) => {
    const shm = await mkdtemp('/dev/shm/cloud-sync-test-').catch(() => null)
    if (shm === null || (await stat(shm)).dev === (await stat(root)).dev) {
      t.skip('no second file system at /dev/shm')
      return
    }
    const elsewhere = join(root, randomName('root'))
    await mkdir(elsewhere)
    await symlink(shm, join(elsewhere, '.cloud-sync'))
    const body = { ...(await report()), archive: await archive('content', elsewhere) }
    const answer = await askWith({ archives: local(elsewhere) })('POST', '/api/runs', body)
    await rm(shm, { recursive: true })
    assert.deepEqual([answer.status, answer.body.pin], [202, 'original'])
    const { items } = await listAudit(api.db, { run_id: body.run_id, limit: 10 })
    assert.equal(items[0]?.event, 'archive_not_linkable')
  })

  it('a reported backup is answered without a pin when the disk does not answer', async () => {
    const hangs: LocalArchives = {
      ...local(),
      inspectArchive: () => new Promise(() => {}),
    }
    const body = await report()
    const answer = await askWith({ archives: hangs })('POST', '/api/runs', body)
    assert.deepEqual([answer.status, answer.body.pin], [202, null])
  })

  it('after a process was killed between link and row, the next request finds the link, also when the archive is gone', async () => {
    for (const isGone of [false, true]) {
      const body = await report()
      const killed = fork(fileURLToPath(new URL('killed-after-link.ts', import.meta.url)), {
        env: {
          ...process.env,
          DATABASE_URL: api.databaseUrl ?? '',
          BACKUP_ROOT: root,
          REPORT: JSON.stringify(body),
        },
      })
      const [, signal] = await once(killed, 'exit')
      assert.equal(signal, 'SIGKILL')
      assert.deepEqual(await links(body.run_id), [body.archive])
      assert.equal(await getRun(api.db, body.run_id), null)
      if (isGone) await rm(join(root, body.archive))
      const answer = await askWith({})('POST', '/api/runs', body)
      assert.deepEqual([answer.status, answer.body.pin], [202, 'linked'], answer.text)
      await rm(join(root, body.archive), { force: true })
      assert.equal(await readFile(await pinPath(body.run_id), 'utf8'), 'content')
    }
  })

  it('the wait for a pin ends as soon as the archive is pinned', async () => {
    const body = await report()
    await askWith({ archives: undefined, temporal: { ...api.temporal, runActivity: away } })(
      'POST',
      '/api/runs',
      body,
    )
    const run = (await getRun(api.db, body.run_id)) ?? assert.fail()
    const stop = new AbortController()
    let seen: Run | null = null
    const waiting = waitForPin(api, run, { seconds: 3_600, signal: stop.signal }).then((found) => {
      seen = found
    })
    try {
      await saveArchive(api.db, body.run_id, {
        size: 7,
        archive_path: join(root, body.archive),
        archive_mtime_ns: '1',
        pin: 'linked',
        pin_path: join(root, '.cloud-sync', body.run_id, body.archive),
      })
      assert.equal((await until('the wait is over', async () => seen)).pin, 'linked')
    } finally {
      stop.abort()
      await waiting
    }
  })

  it('the wait for a pin lasts no longer than asked for', async () => {
    const ask = askWith({ archives: undefined, temporal: { ...api.temporal, runActivity: away } })
    const body = await report()
    const early = await ask('POST', '/api/runs?wait=pinned&wait_seconds=1', body)
    assert.deepEqual([early.status, early.body.pin], [202, null], early.text)
    const waiting = ask('GET', `/api/runs/${body.run_id}?wait=pinned`)
    await until('it is waited for', async () => (api.feed.watcherCount === 1 ? true : null))
    await saveArchive(api.db, body.run_id, {
      size: 7,
      archive_path: join(root, body.archive),
      archive_mtime_ns: '1',
      pin: 'linked',
      pin_path: join(root, '.cloud-sync', body.run_id, body.archive),
    })
    const answer = await waiting
    assert.deepEqual([answer.status, answer.body.pin], [200, 'linked'])
    assert.equal(api.feed.watcherCount, 0)
    for (const query of ['wait=done', 'wait=pinned&wait_seconds=31', 'wait=pinned&wait_seconds=x']) {
      assert.equal((await ask('GET', `/api/runs/${body.run_id}?${query}`)).status, 422, query)
    }
    assert.equal(text((await ask('GET', `/api/runs/${body.run_id}`)).body.id), body.run_id)
  })
})

/** Lets nobody go on before `count` have looked. */
function together(archives: LocalArchives, count: number): LocalArchives {
  let open = () => {}
  let looked = 0
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    ...archives,
    inspectArchive: async (question) => {
      const finding = await archives.inspectArchive(question)
      looked += 1
      if (looked === count) open()
      await all
      return finding
    },
  }
}
