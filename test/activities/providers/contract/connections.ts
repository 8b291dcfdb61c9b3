// Networks that break: refused connections, resets, lost and cut answers, connections that stand still, wrong
// certificates and redirects.

import assert from 'node:assert/strict'
import { createTestAuthority } from '../../../clouds/certificates.ts'
import type { FaultAction } from '../../../clouds/faults.ts'
import { type Bench, type Course, diceOf, never } from './bench.ts'
import { startGate } from './gate.ts'
import type { Suite } from './suite.ts'
import type { Way } from './traits.ts'

const RESETS = 20

export function describeConnections({ traits, scenario }: Suite): void {
  scenario('connections that are refused for a while, before and during the upload', async (bench) => {
    const gate = await startGate(bench.cloud.server.port)
    bench.closing(gate.close)
    const provider = bench.client({ port: gate.port })
    const archive = await bench.archive(traits.many.size)
    await gate.shut()
    let isShutAgain = false
    let refusals = 0
    const course = await bench.upload({
      archive,
      provider,
      onSent: (sum) => {
        if (sum < archive.size / 4 || isShutAgain) return
        isShutAgain = true
        void gate.shut()
      },
      onFailure: async (cause) => {
        assert.equal(cause.code, 'network_unreachable')
        refusals += 1
        if (refusals % 3 === 0) await gate.reopen()
      },
    })
    assert.ok(refusals >= 6, 'it was refused before and during the upload')
    await bench.assertWhole(course, archive)
  })

  scenario(`${RESETS} resets in mid-body at random offsets of one upload`, async (bench) => {
    const archive = await bench.archive(traits.many.size)
    const dice = diceOf(20_261_123)
    for (let reset = 0; reset < RESETS; reset += 1) {
      bench.cloud.server.faults.add({
        operation: traits.largeWay.chunk?.operation ?? '',
        after: Math.floor((reset * traits.many.chunks) / RESETS),
        action: { kind: 'reset_after', bytes: dice(1, traits.lossBytes) },
      })
    }
    const course = await bench.upload({ archive })
    const resets = bench.cloud.server.requests.filter(
      ({ fault, status }) => fault === 'reset_after' && status === 0,
    )
    assert.equal(resets.length, RESETS)
    await bench.assertWhole(course, archive)
    assert.equal(course.store.restarts, 0)
    assert.ok(bench.figures().arrived <= archive.size + RESETS * traits.lossBytes)
  })

  scenario('answers that are lost after the provider did its work, at every step', async (bench) => {
    for (const way of traits.ways) await withEveryStep(bench, way, () => ({ kind: 'lose_answer' }))
  })

  scenario('answers whose JSON is cut in the middle, at every step', async (bench) => {
    for (const way of traits.ways) await withEveryStep(bench, way, () => ({ kind: 'truncate_answer' }))
  })

  scenario('answers that are cut to the first look, the listing and the token', async (bench) => {
    const archive = await bench.archive(traits.ways[0].size)
    for (const operation of [traits.operations.look, traits.operations.list, traits.operations.token]) {
      bench.cloud.server.faults.add({ operation, action: { kind: 'truncate_answer' } })
    }
    const course = await bench.upload({ archive })
    await bench.assertWhole(course, archive)
  })

  scenario('a connection that stands still in mid-body is given up and gone on from', async (bench) => {
    // What the system has taken of a small body counts as sent, so the wait may as well be one for the answer.
    const http = { stallTimeoutMs: 400, longestAnswerMs: 2_000 }
    const provider = bench.client({ isAsShipped: true, http })
    const archive = await bench.archive(traits.stallSize)
    const struck = bench.cloud.server.faults.add({
      operation: traits.largeWay.chunk?.operation ?? '',
      action: { kind: 'stall_after', bytes: 1_000_000 },
    })
    const course = await bench.upload({ archive, provider })
    assert.equal(struck(), 1)
    await bench.assertWhole(course, archive)
  })

  scenario('a certificate of an unknown authority is refused before anything is said', async (bench) => {
    const cloud = await bench.startCloud({}, await createTestAuthority())
    const provider = bench.client({ cloud })
    const archive = await bench.archive(traits.ways[0].size)
    const seen: string[] = []
    const giveUp = new AbortController()
    const upload = bench.upload({
      archive,
      provider,
      signal: giveUp.signal,
      onFailure: (cause) => {
        seen.push(cause.code)
        giveUp.abort(new Error('seen enough'))
      },
    })
    await assert.rejects(upload, /seen enough/)
    assert.deepEqual(seen, ['certificate_invalid'])
    assert.equal(cloud.server.requests.length, 0)
    const check = await provider.check(never)
    assert.equal(check.error?.code, 'certificate_invalid')
  })

  scenario('a redirect to plain HTTP stops the upload at any step', async (bench) => {
    const { token, look } = traits.operations
    const way = traits.largeWay
    const steps = [{ operation: token, after: 0 }, { operation: look, after: 0 }, way.open, way.chunk]
    const archive = await bench.archive(way.size)
    for (const step of steps) {
      if (step === undefined) continue
      bench.cloud.server.faults.clear()
      const struck = bench.cloud.server.faults.add({
        ...step,
        action: { kind: 'redirect', to: 'http://127.0.0.1:9/somewhere' },
      })
      await assert.rejects(
        bench.upload({ archive, provider: bench.client() }),
        { code: 'insecure_redirect' },
        step.operation,
      )
      assert.equal(struck(), 1)
    }
    assert.deepEqual(bench.cloud.files(bench.folder), [])
  })
}

/** Uploads once for each step of the way, with a fault at that step; asserts one whole file each time. */
export async function withEveryStep(
  bench: Bench,
  way: Way,
  actionAt: (step: string) => FaultAction,
): Promise<readonly (Course & { readonly step: string })[]> {
  const archive = await bench.archive(way.size)
  const courses: (Course & { readonly step: string })[] = []
  for (const step of ['open', 'chunk', 'finalise'] as const) {
    const at = way[step]
    if (at === undefined) continue
    round += 1
    const { faults } = bench.cloud.server
    faults.clear()
    const struck = faults.add({ ...at, action: actionAt(step) })
    const course = await bench.upload({ archive, names: [`${round}.dump`, `${round}_run1.dump`] })
    assert.equal(struck(), 1, `the fault at ${step} of the way "${way.name}" did not strike`)
    await bench.assertWhole(course, archive)
    const standing = bench.cloud.files(bench.folder).filter((file) => file.path.includes(`/${round}`))
    assert.equal(standing.length, 1, 'there is no second copy')
    courses.push({ ...course, step })
  }
  return courses
}

let round = 1000
