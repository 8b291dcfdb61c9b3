import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { type InputIssue, parseCloudSyncInput } from '../../../workflows/runs/input.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'

const least = { instance: 'acme', archive: 'acme/x.dump' }
const pathsOf = (value: unknown): readonly string[] => {
  const parsed = parseCloudSyncInput(value)
  return parsed.ok ? [] : parsed.issues.map(({ path }: InputIssue) => path)
}

describe('the input of cloudSyncWorkflow', () => {
  it('an input needs no more than an instance and an archive; null counts as not given', () => {
    assert.deepEqual(parseCloudSyncInput(least), { ok: true, input: least })
    const nulls = {
      run_id: null,
      database: null,
      finished_at: null,
      archive_task_queue: null,
      account_ids: null,
    }
    assert.deepEqual(pathsOf({ ...least, ...nulls }), [])
  })

  it('an input may have every field of the contract', () => {
    const all = {
      ...least,
      run_id: 'r-1',
      database: 'prod',
      finished_at: '2026-11-23T02:10:00Z',
      archive_task_queue: 'cloud-host7',
      account_ids: ['a1'],
    }
    assert.deepEqual(parseCloudSyncInput(all), { ok: true, input: all })
  })

  it('an input is one object', () => {
    for (const value of [undefined, null, 'acme', 7, true, [], [least], () => least])
      assert.deepEqual(pathsOf(value), [''])
  })

  it('a wrong input names every wrong field at once, and unknown ones', () => {
    const wrong = { instance: 'Acme!', archive: ' ', run_id: '../x', account_ids: [], keep_last: 3 }
    assert.deepEqual(pathsOf(wrong), ['instance', 'archive', 'run_id', 'account_ids', 'keep_last'])
    assert.deepEqual(pathsOf({}), ['instance', 'archive'])
    assert.deepEqual(pathsOf(JSON.parse('{"instance":"a","archive":"x.zip","__proto__":{}}')), ['__proto__'])
  })

  const refused: Record<string, readonly unknown[]> = {
    instance: ['', 'a/b', 'ACME', 7, null, ['acme']],
    archive: ['', '  ', 'x\0.dump', 'x'.repeat(4097), '\ud800.dump', 7, null],
    run_id: ['', '.', 'a/b', 'a b', 'x'.repeat(129), 7],
    database: ['', '.', '..', 'a/b', 'a\\b', 'a\nb', '\udfff', 'x'.repeat(129), 7],
    finished_at: [
      'yesterday',
      '2026-11-23',
      '2026-11-23T02:10:00',
      '2026-02-30T00:00:00Z',
      '2026-11-31T00:00:00+01:00',
      '2026-13-01T00:00:00Z',
      '2026-11-23T25:00:00Z',
      '2026-11-23T02:10:00+16:00',
      '0000-01-01T00:00:00Z',
      1_700_000_000,
    ],
    archive_task_queue: ['', ' ', 'a b', '/x', 7],
    account_ids: ['a1', [], [''], [7], [null], { 0: 'a1' }],
  }
  for (const [path, values] of Object.entries(refused)) {
    it(`an input with a wrong ${path} is refused with what it must be`, () => {
      for (const value of values) {
        const parsed = parseCloudSyncInput({ ...least, [path]: value })
        assert.equal(parsed.ok, false, JSON.stringify(value))
        for (const issue of parsed.ok ? [] : parsed.issues) {
          assert.equal(issue.path, path)
          assert.match(issue.message, /^must be /)
        }
      }
    })
  }

  it('parsing an input never throws', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (value) => void parseCloudSyncInput(value)),
    )
  })
})

describe('an input that is accepted', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase({ migrated: false })
  })
  after(() => test.close())

  // Otherwise the first activity of the run would fail forever, and the caller would not know.
  it('an accepted input can be stored as it is', async () => {
    const two = (max: number) => fc.nat(max).map((value) => String(value).padStart(2, '0'))
    const time = fc
      .tuple(
        fc.constantFrom('0000', '0001', '0099', '1900', '2000', '2024', '2026', '9999'),
        two(13),
        two(32),
        fc.constantFrom('T', ' ', 't'),
        two(25),
        two(61),
        fc.oneof(
          fc.constant(''),
          two(61).map((value) => `:${value}`),
          fc.constant(':59.123456789'),
        ),
        fc.oneof(
          fc.constantFrom('Z', 'z', '+0530'),
          fc.tuple(two(24), two(61)).map(([h, m]) => `-${h}:${m}`),
        ),
      )
      .map(
        ([year, month, date, t, hour, minute, second, zone]) =>
          `${year}-${month}-${date}${t}${hour}:${minute}${second}${zone}`,
      )
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
    const given = fc.record({ finished_at: time, archive: text, database: text })
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(given, async (fields) => {
        for (const [name, value] of Object.entries(fields)) {
          if (!parseCloudSyncInput({ ...least, [name]: value }).ok) continue
          accepted += 1
          const type = sql.raw(name === 'finished_at' ? 'timestamptz' : 'text')
          const details = JSON.stringify({ value })
          const { rows } = await sql<{
            stored: string
          }>`select (${value}::${type})::text as stored, ${details}::jsonb`.execute(test.db)
          if (name !== 'finished_at') assert.equal(rows[0]?.stored, value)
        }
      }),
      { numRuns: 300 },
    )
    assert.ok(accepted > 100)
  })
})
