// Runs over HTTP on the whole program: PostgreSQL, Temporal, our Workers and an emulated Dropbox.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { z } from 'zod'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { ActivityRefused, NoWorkerAnswered } from '../../../api/temporal/failures.ts'
import { bindingWorkflowId } from '../../../workflows/workflow-ids.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { randomName } from '../../support/rows.ts'
import type { TestSystem } from '../../support/system.ts'
import { lastStartOf } from '../../support/temporal.ts'
import { until } from '../../support/until.ts'
import { type Answer, type ApiFixture, assertProblem, at, createApiFixture, list, text } from '../fixture.ts'

const MIB = 1024 * 1024

describe('runs of the API', () => {
  let api: ApiFixture
  let system: TestSystem
  before(async () => {
    api = await createApiFixture({ clouds: [EMULATORS.dropbox] })
    assert.ok(api.system !== null)
    system = api.system
  })
  after(() => api.close())
  afterEach(() => {
    for (const cloud of api.clouds) cloud.server.faults.clear()
  })

  const cloud = () => {
    const [first] = api.clouds
    assert.ok(first !== undefined)
    return first
  }
  const archive = async (slug: string, name = 'x.dump', bytes = 50_000) =>
    system.writeArchive(`${slug}/${randomName('day')}/${name}`, randomBytes(bytes))
  const settled = (id: string) =>
    until(`run ${id} is settled`, async () => {
      const { body } = await api.ask('GET', `/api/runs/${id}`)
      return body.cloud_status === 'pending' ? null : body
    })
  const idOf = (answer: Answer) => {
    assert.equal(answer.status, 202, answer.text)
    return text(answer.body.id)
  }
  /** A run whose destination waits in a backoff because the provider is down. */
  const waiting = async () => {
    const { slug } = await system.bind()
    cloud().server.faults.add({ times: Number.POSITIVE_INFINITY, action: { kind: 'status', status: 503 } })
    const id = idOf(await api.ask('POST', '/api/runs', { instance: slug, archive: await archive(slug) }))
    await until('the upload waits for its next attempt', async () => {
      const { body } = await api.ask('GET', `/api/runs/${id}`)
      const live = body.live === null ? null : (Object.values(at(body, 'live', 'destinations'))[0] ?? null)
      return live !== null && at(live).state === 'waiting' && at(live).next_attempt_at !== null ? body : null
    })
    return { slug, id }
  }

  it('a reported backup is uploaded and shown with its attempts', async () => {
    const { slug, bindings } = await system.bind()
    const path = await archive(slug)
    const started = await api.ask('POST', '/api/runs', {
      instance: slug,
      archive: path,
      database: 'acme_prod',
      finished_at: '2026-11-23T02:10:00+01:00',
    })
    const id = idOf(started)
    assert.equal(started.headers.get('location'), `/api/runs/${id}`)
    assert.equal(started.body.workflow_id, `cloud-sync/${slug}/${id}`)
    assert.equal(started.body.instance, slug)
    assert.equal(started.body.finished_at, '2026-11-23T01:10:00.000Z')
    const run = await settled(id)
    assert.equal(run.cloud_status, 'uploaded')
    assert.equal(run.live, null)
    const accountId = bindings[0]?.account_id ?? ''
    const destination = at(run, 'cloud_sync_status', accountId)
    assert.equal(destination.status, 'uploaded')
    assert.equal(list(run, 'attempts').length, 1)
    assert.equal(cloud().files(`/odoo-backups/${slug}`).length, 1)
    const metrics = await api.ask('GET', '/metrics')
    assert.match(metrics.text, new RegExp(`cloud_sync_last_copy_bytes\\{instance="${slug}".*\\} 50000`))
    const trail = list((await api.ask('GET', `/api/audit?run_id=${id}`)).body)
    assert.equal(trail.at(-1)?.event, 'run_recorded')
    assert.equal(trail.at(-1)?.actor, 'token')
  })

  it('the same run_id or Idempotency-Key gives the same run, and a conflict for another archive', async () => {
    const { slug } = await system.bind()
    const body = { instance: slug, archive: await archive(slug) }
    const other = { instance: slug, archive: await archive(slug) }
    const run_id = randomName('nightly')
    const asked = await Promise.all([1, 2, 3].map(() => api.ask('POST', '/api/runs', { ...body, run_id })))
    for (const answer of asked) assert.equal(idOf(answer), run_id)
    assert.equal((await settled(run_id)).cloud_status, 'uploaded')
    assert.equal(idOf(await api.ask('POST', '/api/runs', { ...body, run_id })), run_id)
    assert.equal((await settled(run_id)).cloud_status, 'uploaded')
    assert.deepEqual(assertProblem(await api.ask('POST', '/api/runs', { ...other, run_id }), 409), ['run_id'])
    assert.equal(cloud().files(`/odoo-backups/${slug}`).length, 1)

    const key = { 'idempotency-key': randomName('key') }
    const first = idOf(await api.ask('POST', '/api/runs', other, key))
    assert.equal(idOf(await api.ask('POST', '/api/runs', other, key)), first)
    assertProblem(await api.ask('POST', '/api/runs', body, key), 409)
    await settled(first)
  })

  it('the same run_id or Idempotency-Key with another value of a given field is a conflict', async () => {
    const { slug, bindings } = await system.bind()
    const account_ids = [bindings[0]?.account_id ?? '']
    const body = {
      instance: slug,
      archive: await archive(slug),
      database: 'prod',
      finished_at: '2026-11-23T02:10:00.1234+01:00',
    }
    const named = { run_id: randomName('nightly') }
    const key = { 'idempotency-key': randomName('key') }
    const byName = (change: object) => api.ask('POST', '/api/runs', { ...body, ...named, ...change })
    const byKey = (change: object) => api.ask('POST', '/api/runs', { ...body, ...change }, key)
    for (const ask of [byName, byKey]) {
      const id = idOf(await ask({}))
      await settled(id)
      const others = {
        database: 'test',
        finished_at: '2026-11-23T02:10:00Z',
        account_ids,
        archive_task_queue: 'cloud-host7',
      }
      for (const [field, value] of Object.entries(others)) {
        const answer = await ask({ [field]: value })
        assert.deepEqual(assertProblem(answer, 409), [field])
        assert.equal(answer.body.code, 'run_id_conflict')
      }
      const sameTime = '2026-11-23t01:10:00.1234z'
      for (const same of [{ database: null, finished_at: null }, { finished_at: sameTime }]) {
        assert.equal(idOf(await ask(same)), id)
      }
    }
    const limited = { run_id: randomName('nightly'), account_ids }
    const id = idOf(await byName(limited))
    assert.equal(idOf(await byName({ ...limited, account_ids: [...account_ids, ...account_ids] })), id)
    assert.deepEqual(assertProblem(await byName({ ...limited, account_ids: ['another'] }), 409), [
      'account_ids',
    ])
    assert.equal(idOf(await byName({ run_id: id })), id)
    await settled(id)
  })

  it('runs name the field of bad input, and record nothing of it', async () => {
    const { slug } = await system.bind()
    const good = await archive(slug)
    const empty = await archive(slug, 'empty.zip', 0)
    const runs = async () => list((await api.ask('GET', `/api/runs?instance=${slug}`)).body).length
    const cases: readonly [object, string, string][] = [
      [{ instance: 'nobody' }, 'instance', 'unknown_instance'],
      [{ instance: 'No Slug' }, 'instance', 'invalid_input'],
      [{ archive: 'acme/missing.dump' }, 'archive', 'archive_missing'],
      [{ archive: '/etc/x.zip' }, 'archive', 'archive_outside_root'],
      [{ archive: `${slug}/../x.zip` }, 'archive', 'invalid_input'],
      [{ archive: `${slug}/notes.txt` }, 'archive', 'invalid_input'],
      [{ archive: empty }, 'archive', 'archive_empty'],
      [{ account_ids: ['nobody'] }, 'account_ids', 'unknown_account'],
      [{ account_ids: [] }, 'account_ids', 'invalid_input'],
      [{ run_id: 'a/b' }, 'run_id', 'invalid_input'],
      [{ finished_at: 'yesterday' }, 'finished_at', 'invalid_input'],
      [{ archive_task_queue: 'a b' }, 'archive_task_queue', 'invalid_input'],
    ]
    for (const [wrong, field, code] of cases) {
      const answer = await api.ask('POST', '/api/runs', { instance: slug, archive: good, ...wrong })
      assert.deepEqual(assertProblem(answer, 422), [field], answer.text)
      assert.equal(answer.body.code, code)
    }
    assert.equal(await runs(), 0)
  })

  it('an open run is shown with its live progress, also in the list', async () => {
    const { slug, id } = await waiting()
    const { body } = await api.ask('GET', `/api/runs/${id}`)
    assert.equal(at(body, 'live').source, 'temporal')
    const [live] = Object.values(at(body, 'live', 'destinations'))
    assert.match(text(at(live ?? null).last_error), /503|fault/i)
    const listed = await api.ask('GET', `/api/runs?instance=${slug}&live=true`)
    assert.equal(at(listed.body, 'items', 0, 'live').source, 'temporal')
    assert.equal(list((await api.ask('GET', `/api/runs?instance=${slug}`)).body)[0]?.live, undefined)
    await api.ask('POST', `/api/runs/${id}/cancel`)
    await settled(id)
  })

  it('the wait for the next attempt ends when asked to', async () => {
    const { slug, id } = await waiting()
    const planned = await until('the second attempt has failed', async () => {
      const { body } = await api.ask('GET', `/api/runs/${id}`)
      const [live] = Object.values(at(body, 'live', 'destinations'))
      const { next_attempt_at, attempt } = at(live ?? null)
      return attempt === 2 && typeof next_attempt_at === 'string' ? next_attempt_at : null
    })
    cloud().server.faults.clear()
    assert.equal((await api.ask('POST', `/api/runs/${id}/retry-now`)).status, 202)
    const run = await settled(id)
    assert.equal(run.cloud_status, 'uploaded')
    const [accountId = ''] = Object.keys(at(run, 'cloud_sync_status'))
    const destination = bindingWorkflowId(slug, id, accountId)
    const begun = await lastStartOf(system.temporal.client, destination, 'uploadArchive')
    assert.ok(begun < new Date(planned), `began at ${begun.toISOString()}, planned was ${planned}`)
    assertProblem(await api.ask('POST', `/api/runs/${id}/retry-now`), 409)
  })

  it('a run is cancelled, and uploaded again from where it was', async () => {
    const { slug, id } = await waiting()
    assertProblem(await api.ask('POST', `/api/runs/${id}/reupload`), 409)
    assert.equal((await api.ask('POST', `/api/runs/${id}/cancel`)).status, 202)
    const cancelled = await settled(id)
    assert.equal(cancelled.cloud_status, 'cancelled')
    const [destination] = Object.values(at(cancelled, 'cloud_sync_status'))
    assert.equal(at(destination ?? null).status, 'cancelled')
    assertProblem(await api.ask('POST', `/api/runs/${id}/cancel`), 409)
    cloud().server.faults.clear()
    const again = await api.ask('POST', `/api/runs/${id}/reupload`)
    assert.equal(idOf(again), id)
    assert.equal(again.body.cloud_status, 'pending')
    assert.equal((await settled(id)).cloud_status, 'uploaded')
    assert.equal(cloud().files(`/odoo-backups/${slug}`).length, 1)
  })

  it('a run is not uploaded again when the archive is gone or the account is not bound', async () => {
    const { slug } = await system.bind()
    const path = await archive(slug)
    const id = idOf(await api.ask('POST', '/api/runs', { instance: slug, archive: path }))
    await settled(id)
    const unbound = await api.ask('POST', `/api/runs/${id}/reupload`, { account_ids: ['nobody'] })
    assert.deepEqual(assertProblem(unbound, 422), ['account_ids'])
    await rm(join(system.config.backupRoot, path))
    const gone = await api.ask('POST', `/api/runs/${id}/reupload`)
    assertProblem(gone, 410)
    assert.equal(gone.body.code, 'archive_missing')
    assert.equal((await settled(id)).cloud_status, 'uploaded')
    for (const action of ['reupload', 'cancel', 'retry-now', 'events']) {
      const method = action === 'events' ? 'GET' : 'POST'
      assertProblem(await api.ask(method, `/api/runs/nothing/${action}`), 404)
    }
  })

  it('a binding that is switched off during a run finishes its file, and later runs leave it out', async () => {
    const { slug, bindings } = await system.bind()
    cloud().server.faults.add({
      operation: 'append',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'delay', ms: 100 },
    })
    const first = idOf(
      await api.ask('POST', '/api/runs', {
        instance: slug,
        archive: await archive(slug, 'big.zip', 20 * MIB),
      }),
    )
    const { id: bindingId = '', account_id: accountId = '' } = bindings[0] ?? {}
    await until('bytes flow', async () => {
      const status = at((await api.ask('GET', `/api/runs/${first}`)).body, 'cloud_sync_status')
      return accountId in status && at(status, accountId).status === 'uploading' ? status : null
    })
    assert.equal((await api.ask('PATCH', `/api/bindings/${bindingId}`, { enabled: false })).status, 200)
    assert.equal((await settled(first)).cloud_status, 'uploaded')
    const second = idOf(await api.ask('POST', '/api/runs', { instance: slug, archive: await archive(slug) }))
    assert.equal((await settled(second)).cloud_status, 'none')
    assert.equal(cloud().files(`/odoo-backups/${slug}`).length, 1)
  })

  it('runs are listed newest first, page by page, by instance, status, account and time', async () => {
    const { slug, bindings } = await system.bind()
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) {
      const id = idOf(await api.ask('POST', '/api/runs', { instance: slug, archive: await archive(slug) }))
      await settled(id)
      ids.unshift(id)
    }
    const idsOf = async (query: string) => {
      const { body } = await api.ask('GET', `/api/runs?instance=${slug}${query}`)
      return { ids: list(body).map((run) => text(run.id)), next: body.next_cursor }
    }
    assert.deepEqual((await idsOf('')).ids, ids)
    const account = bindings[0]?.account_id ?? ''
    for (const filter of ['', `&account=${account}`]) {
      const page = await idsOf(`&limit=2${filter}`)
      assert.deepEqual(page.ids, ids.slice(0, 2))
      const fresh = idOf(await api.ask('POST', '/api/runs', { instance: slug, archive: await archive(slug) }))
      await settled(fresh)
      const next = await idsOf(`&limit=2${filter}&cursor=${text(page.next)}`)
      assert.deepEqual(next.ids, ids.slice(2, 4), 'a run that arrived in between moves nothing')
      ids.unshift(fresh)
    }
    assert.deepEqual((await idsOf('&account=nobody')).ids, [])
    assert.deepEqual((await idsOf('&status=failed')).ids, [])
    assert.equal((await idsOf('&status=uploaded')).ids.length, 7)
    const { body } = await api.ask('GET', `/api/runs/${ids[3] ?? ''}`)
    const created = encodeURIComponent(text(body.created_at))
    assert.deepEqual((await idsOf(`&from=${created}`)).ids, ids.slice(0, 4))
    assert.deepEqual((await idsOf(`&to=${created}&account=${account}`)).ids, ids.slice(4))
    assertProblem(await api.ask('GET', '/api/runs?from=yesterday'), 422)
    assertProblem(await api.ask('GET', '/api/runs?cursor=abc'), 422)
  })

  it('accounts and destinations are checked without a provider in the API', async () => {
    const { slug, bindings } = await system.bind({ keep_last: 2 })
    const { id = '', account_id = '' } = bindings[0] ?? {}
    for (const day of ['01', '02', '03']) {
      cloud().putFile(`/odoo-backups/${slug}/old-${day}.zip`, Buffer.from(day), `2026-01-${day}T00:00:00Z`)
    }
    const check = await api.ask('POST', `/api/accounts/${account_id}/check`)
    assert.equal(check.body.ok, true, check.text)
    const files = await api.ask('GET', `/api/bindings/${id}/remote-files`)
    assert.equal(list(files.body, 'items').length, 3)
    assert.equal(list(files.body, 'items')[0]?.name, 'old-03.zip')
    const preview = await api.ask('GET', `/api/bindings/${id}/prune-preview`)
    assert.deepEqual(
      list(preview.body, 'delete').map((file) => file.name),
      ['old-01.zip'],
    )
    const other = await api.ask('GET', `/api/bindings/${id}/prune-preview?keep_last=3`)
    assert.deepEqual(list(other.body, 'delete'), [])
    assert.equal(cloud().files(`/odoo-backups/${slug}`).length, 3, 'a preview deletes nothing')
    cloud().server.faults.add({ times: Number.POSITIVE_INFINITY, action: { kind: 'status', status: 401 } })
    const refused = await api.ask('POST', `/api/accounts/${account_id}/check`)
    assert.equal(refused.status, 200)
    assert.equal(refused.body.ok, false)
    assertProblem(await api.ask('GET', `/api/bindings/${id}/remote-files`), 502)
    assertProblem(await api.ask('GET', '/api/bindings/nothing/remote-files'), 404)
    assertProblem(await api.ask('POST', '/api/accounts/nothing/check'), 404)
  })

  it('the files of a binding by database are listed per database', async () => {
    const { slug, bindings } = await system.bind({ remote_path: '/by-database/{instance_slug}/{database}' })
    const id = bindings[0]?.id ?? ''
    cloud().putFile(`/by-database/${slug}/prod/a.zip`, Buffer.from('a'))
    const path = `/api/bindings/${id}/remote-files`
    const missing = await api.ask('GET', path)
    assert.deepEqual(assertProblem(missing, 422), ['database'])
    assert.equal(missing.body.code, 'database_missing')
    assert.equal(list((await api.ask('GET', `${path}?database=prod`)).body, 'items').length, 1)
    const preview = await api.ask('GET', `/api/bindings/${id}/prune-preview?keep_last=1&database=prod`)
    assert.equal(list(preview.body, 'keep').length, 1)
  })

  it('ask the worker by a small workflow where the server knows no standalone activities', async () => {
    const { bindings } = await system.bind()
    const { taskQueue } = system.config
    const older = connectTemporal({
      address: system.temporal.address,
      taskQueue,
      standaloneActivities: false,
    })
    const answer = z.object({ ok: z.boolean() })
    const call = { name: 'checkAccount', result: answer, taskQueue, timeoutMs: 20_000 }
    const args = { account_id: bindings[0]?.account_id ?? '' }
    assert.equal((await older.runActivity({ ...call, args })).ok, true)
    const unknown = { ...call, name: 'listRemoteFiles', args: { binding_id: 'nothing' } }
    await assert.rejects(older.runActivity(unknown), (error) => error instanceof ActivityRefused)
    const nobody = { ...call, args, taskQueue: randomName('nobody'), timeoutMs: 1_000 }
    await assert.rejects(older.runActivity(nobody), (error) => error instanceof NoWorkerAnswered)
    await older.close()
  })
})
