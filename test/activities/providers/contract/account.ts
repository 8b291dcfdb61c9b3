// One account: its check, its tokens shared by parallel uploads, and a machine whose clock is wrong.

import assert from 'node:assert/strict'
import { assertClean, never } from './bench.ts'
import { startGate } from './gate.ts'
import type { Suite } from './suite.ts'

const HOUR_MS = 3_600_000

export function describeAccounts({ traits, scenario }: Suite): void {
  scenario('the check of a good account says what it tried, and leaves nothing behind', async (bench) => {
    const cloud = await bench.startCloud({})
    const check = await bench.client({ cloud }).check(never)
    assert.equal(check.ok, true, check.detail)
    assert.equal(check.error, null)
    assert.ok(check.detail.length > 10)
    assertClean(check.detail, cloud)
    assert.deepEqual(cloud.files(), [])
    if (traits.givesUpSessions) assert.equal(cloud.openSessions(), 0)
  })

  scenario('the check of bad credentials, a fault and a dead network says which it is', async (bench) => {
    const { cloud } = bench
    const bad = bench.client({ credentials: traits.refused.credentials(cloud) })
    const refused = await bad.check(never)
    assert.equal(refused.ok, false)
    assert.equal(refused.error?.code, traits.refused.code)
    assertClean(refused.detail, cloud)

    const { faults } = cloud.server
    faults.add({ times: Number.POSITIVE_INFINITY, action: { kind: 'status', status: 503 } })
    assert.equal((await bench.client().check(never)).error?.code, 'provider_unavailable')
    faults.clear()

    const gate = await startGate(cloud.server.port)
    await gate.close()
    const dead = await bench.client({ port: gate.port }).check(never)
    assert.equal(dead.error?.code, 'network_unreachable')
  })

  scenario('the check finds a destination that is full', async (bench) => {
    const cloud = await bench.startCloud({})
    cloud.setQuota(0)
    const check = await bench.client({ cloud }).check(never)
    assert.equal(check.error?.code, 'storage_quota_exceeded', check.detail)
  })

  scenario('a clock that is an hour off is called by its name', async (bench) => {
    for (const offMs of [HOUR_MS, -HOUR_MS]) {
      const check = await bench.client({ now: () => Date.now() + offMs }).check(never)
      assert.equal(check.error?.code, 'clock_skewed', check.detail)
      assert.match(check.detail, /clock is 60 minutes/)
    }
  })

  scenario('a check ends when it is told to', async (bench) => {
    const stopped = new AbortController()
    const cloud = await bench.startCloud({})
    cloud.server.faults.add({ action: { kind: 'delay', ms: 1000 } })
    const check = bench.client({ cloud }).check(stopped.signal)
    const reason = new Error('stopped')
    stopped.abort(reason)
    await assert.rejects(check, reason)
  })

  scenario('five parallel uploads of one account share one renewal of the token', async (bench) => {
    const provider = bench.client()
    const archive = await bench.archive(traits.largeWay.size)
    await provider.ensureFolder(bench.folder, never)
    assert.equal(bench.count(traits.operations.token), 1)
    bench.cloud.expireTokens()
    const names = ['1', '2', '3', '4', '5'].map((number) => `${number}.dump`)
    const courses = await Promise.all(names.map((name) => bench.upload({ archive, provider, names: [name] })))
    assert.equal(bench.count(traits.operations.token), 2)
    for (const course of courses) {
      assert.deepEqual(course.failures, [])
      await bench.assertWhole(course, archive)
    }
  })

  scenario('two uploads at once through one client do not disturb each other', async (bench) => {
    const provider = bench.client()
    const large = await bench.archive(traits.many.size)
    const small = await bench.archive(traits.largeWay.size)
    bench.cloud.server.faults.add({
      operation: traits.largeWay.chunk?.operation ?? '',
      after: 1,
      action: { kind: 'reset_after', bytes: 1000 },
    })
    const [one, other] = await Promise.all([
      bench.upload({ archive: large, provider, names: ['large.dump'] }),
      bench.upload({ archive: small, provider, names: ['small.dump'] }),
    ])
    await bench.assertWhole(one, large)
    await bench.assertWhole(other, small)
    assert.equal(bench.cloud.files(bench.folder).length, 2)
  })
}
