// Mixed trouble: several faults of any kind at any step, chosen by a seed, so that each seed plays the same trouble again,
// at services that behave in one way or another where the documents are silent (docs/providers.md, 4).
// Whatever comes, one whole file is there in the end and no second copy.

import assert from 'node:assert/strict'
import type { FaultAction } from '../../../clouds/faults.ts'
import { diceOf } from './bench.ts'
import type { Suite } from './suite.ts'

/** CONTRACT_SEEDS plays more than the usual. */
const SEEDS = Number(process.env.CONTRACT_SEEDS ?? 12)
const STATUSES = [408, 429, 500, 502, 503, 504] as const

export function describeTrouble({ traits, scenario }: Suite): void {
  scenario(`${SEEDS} uploads through mixed trouble leave one whole file each`, async (bench) => {
    const clouds = [bench.cloud]
    for (let variant = 0; variant < traits.variants; variant += 1) {
      clouds.push(await bench.startCloud({ variant }))
    }
    const operations = traits.ways.flatMap((way) =>
      [way.open, way.chunk, way.ask, way.finalise].flatMap((step) => step?.operation ?? []),
    )
    operations.push(traits.operations.look, traits.operations.look)
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const dice = diceOf(seed * 7919)
      const pick = <T>(values: readonly T[]): T | undefined => values[dice(0, values.length - 1)]
      const cloud = clouds[seed % clouds.length] ?? bench.cloud
      const { faults } = cloud.server
      faults.clear()
      for (let left = dice(3, 12); left > 0; left -= 1) {
        const action = pick<FaultAction>([
          { kind: 'lose_answer' },
          { kind: 'reset_after', bytes: dice(1, traits.lossBytes) },
          { kind: 'refuse' },
          { kind: 'status', status: pick(STATUSES) ?? 500 },
          { kind: 'truncate_answer' },
          { kind: 'own', name: 'forget_session' },
        ])
        const operation = pick(operations)
        if (action !== undefined && operation !== undefined)
          faults.add({ operation, after: dice(0, 3), action })
      }
      const way = pick(traits.ways) ?? traits.largeWay
      const archive = await bench.archive(way.size)
      const names = [`seed-${seed}.dump`, `seed-${seed}_run1.dump`]
      const course = await bench.upload({ archive, names, cloud }).catch((cause: unknown) => {
        throw new Error(`seed ${seed}, the way "${way.name}"`, { cause })
      })
      faults.clear()
      await bench.assertWhole(course, archive, cloud)
      const own = cloud.files(bench.folder).filter(({ path }) => /seed-(\d+)/.exec(path)?.[1] === `${seed}`)
      assert.equal(own.length, 1, `seed ${seed} leaves no second copy`)
    }
  })
}
