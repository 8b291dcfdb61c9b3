import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isArchiveName } from '../../../workflows/archives/archive-name.ts'
import { type ListedFile, planPrune } from '../../../workflows/retention/plan-prune.ts'

const file = (id: string, uploaded_at: string, name = `${id}.dump`): ListedFile => ({
  id,
  name,
  size: 1,
  uploaded_at,
  revision: null,
})
const day = (n: number) => new Date(Date.UTC(2026, 0, n)).toISOString()
const ids = (files: readonly ListedFile[]) => files.map(({ id }) => id)

// Few names, dates and IDs, so that equal ones are the rule.
const anyFile: fc.Arbitrary<ListedFile> = fc.record({
  id: fc.nat(40).map(String),
  name: fc
    .tuple(
      fc.constantFrom('acme', 'acme_2', 'b', ''),
      fc.constantFrom('.zip', '.dump', '.tar.gz', '.ZIP', '.txt', '.gz', ''),
    )
    .map((parts) => parts.join('')),
  size: fc.nat(),
  uploaded_at: fc.oneof(fc.nat(8).map(day), fc.constantFrom('', 'yesterday')),
  revision: fc.constant(null),
})
const anyListing = fc.uniqueArray(anyFile, { maxLength: 40, selector: ({ id }) => id })
const anyCase = anyListing.chain((listing) =>
  fc.record({
    listing: fc.constant(listing),
    keepLast: fc.integer({ min: 1, max: 45 }),
    uploaded: fc.constantFrom(null, 'never listed', ...ids(listing)),
  }),
)

describe('planPrune', () => {
  it('a plan keeps the newest by upload date and names the others, oldest first', () => {
    const plan = planPrune(
      [file('c', day(3)), file('a', day(1)), file('d', day(4)), file('b', day(2))],
      2,
      'd',
    )
    assert.deepEqual([ids(plan.delete), ids(plan.keep), plan.skipped], [['a', 'b'], ['d', 'c'], null])
  })

  it('a plan compares dates as times, not as text', () => {
    const earlier = file('east', '2026-01-02T01:00:00+05:00')
    const later = file('utc', '2026-01-01T23:00:00Z')
    assert.deepEqual(ids(planPrune([earlier, later], 1, null).delete), ['east'])
  })

  it('a plan keeps the file of this run besides newer ones, and never deletes a newer one for it', () => {
    const plan = planPrune([file('mine', day(1)), file('x', day(8)), file('y', day(9))], 1, 'mine')
    assert.deepEqual([ids(plan.keep), ids(plan.delete)], [['y', 'mine'], ['x']])
  })

  it('a plan keeps the copies of later backups when an old one is uploaded again', () => {
    const plan = planPrune(
      [file('again', day(9)), file('later', day(3)), file('old', day(1))],
      1,
      'again',
      new Set(['later']),
    )
    assert.deepEqual([ids(plan.keep), ids(plan.delete), plan.skipped], [['again', 'later'], ['old'], null])
  })

  it('plans of runs at the same time leave the newest archives, from listings of any moments', () => {
    const run = fc.record({ id: fc.nat(11), seen: fc.array(fc.nat(11), { maxLength: 12 }) })
    const world = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(
        world,
        fc.array(run, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        (days, runs, keepLast) => {
          const all = days.map((of, index) => file(`f${index}`, day(of)))
          const gone = new Set<string>()
          const everSeen = new Set<string>()
          for (const { id, seen } of runs) {
            // Each run lists at another moment: some files are not there yet, others are listed although they are deleted by now.
            const listing = [...new Set([id, ...seen])].flatMap((index) => all[index] ?? [])
            for (const listed of listing) everSeen.add(listed.id)
            for (const doomed of planPrune(listing, keepLast, `f${id}`).delete) gone.add(doomed.id)
          }
          const left = [...everSeen].filter((name) => !gone.has(name)).length
          assert.ok(left >= Math.min(keepLast, everSeen.size), `${left} left of ${everSeen.size}`)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('a plan deletes nothing when the file of this run is not listed (docs/design.md, rule 4)', () => {
    const listing = [file('a', day(1)), file('b', day(2))]
    assert.deepEqual(planPrune(listing, 1, 'new'), {
      delete: [],
      keep: [listing[1], listing[0]],
      skipped: 'new_file_not_listed',
    })
    assert.equal(planPrune([], 1, 'new').skipped, 'new_file_not_listed')
    const renamed = [...listing, file('new', day(3), 'new.txt')]
    assert.equal(planPrune(renamed, 1, 'new').skipped, 'new_file_not_listed')
  })

  it('a plan counts a file once that a moving page boundary brought twice', () => {
    const [a, b] = [file('a', day(1)), file('b', day(2))]
    assert.deepEqual(ids(planPrune([b, a, { ...b }], 2, 'b').delete), [])
  })

  it('a plan takes a file whose date cannot be read for the newest', () => {
    assert.deepEqual(ids(planPrune([file('a', 'soon'), file('b', day(2))], 1, null).keep), ['a'])
  })

  it('a plan refuses a keep_last that is no whole number from 1 on', () => {
    for (const keepLast of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
      assert.throws(() => planPrune([file('a', day(1))], keepLast, null), RangeError, String(keepLast))
  })

  const holds = (
    name: string,
    check: (listing: readonly ListedFile[], keepLast: number, uploaded: string | null) => void,
  ) =>
    it(name, () => {
      fc.assert(
        fc.property(anyCase, ({ listing, keepLast, uploaded }) => check(listing, keepLast, uploaded)),
        {
          numRuns: 500,
        },
      )
    })

  holds('a plan never empties a folder (docs/design.md, rule 4)', (listing, keepLast, uploaded) => {
    const plan = planPrune(listing, keepLast, uploaded)
    const archives = listing.filter(({ name }) => isArchiveName(name)).length
    assert.ok(plan.keep.length >= Math.min(archives, 1))
    assert.equal(plan.keep.length + plan.delete.length, archives)
    if (plan.skipped === null) {
      const isBesides = uploaded !== null && plan.keep.findIndex(({ id }) => id === uploaded) >= keepLast
      assert.equal(plan.keep.length, Math.min(archives, keepLast) + (isBesides ? 1 : 0))
    } else assert.equal(plan.delete.length, 0)
  })

  holds(
    'a plan never deletes what was just uploaded, nor what is no archive (docs/design.md, rule 4)',
    (listing, keepLast, uploaded) => {
      for (const doomed of planPrune(listing, keepLast, uploaded).delete) {
        assert.notEqual(doomed.id, uploaded)
        assert.ok(isArchiveName(doomed.name))
        assert.ok(listing.includes(doomed))
      }
    },
  )

  holds(
    'a plan never deletes a file that is newer than one it keeps, but for the one just uploaded',
    (listing, keepLast, uploaded) => {
      const plan = planPrune(listing, keepLast, uploaded)
      const newest = Math.max(...plan.delete.map(({ uploaded_at }) => Date.parse(uploaded_at)))
      for (const kept of plan.keep)
        if (kept.id !== uploaded) assert.ok(!(Date.parse(kept.uploaded_at) < newest), kept.id)
    },
  )

  holds('a plan that was carried out is followed by an empty one', (listing, keepLast, uploaded) => {
    const { delete: doomed, keep } = planPrune(listing, keepLast, uploaded)
    const left = listing.filter((entry) => !doomed.includes(entry))
    const again = planPrune(left, keepLast, uploaded)
    assert.deepEqual([again.delete, again.keep], [[], keep])
  })

  holds('a plan deletes no more for a larger keep_last', (listing, keepLast, uploaded) => {
    const few = ids(planPrune(listing, keepLast + 1, uploaded).delete)
    const many = ids(planPrune(listing, keepLast, uploaded).delete)
    assert.ok(few.every((id) => many.includes(id)))
  })

  it('a plan depends neither on the order of the listing nor on repeated entries', () => {
    const shuffled = anyCase.chain((given) =>
      fc.record({
        given: fc.constant(given),
        order: fc.shuffledSubarray(given.listing, { minLength: given.listing.length }),
        repeated: fc.subarray([...given.listing]),
      }),
    )
    fc.assert(
      fc.property(shuffled, ({ given, order, repeated }) => {
        const { listing, keepLast, uploaded } = given
        assert.deepEqual(
          planPrune([...order, ...repeated], keepLast, uploaded),
          planPrune(listing, keepLast, uploaded),
        )
      }),
      { numRuns: 500 },
    )
  })
})
