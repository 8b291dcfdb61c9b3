import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { DbConflict } from '../../../db/conflict.ts'
import {
  type BindingPatch,
  createBinding,
  deleteBinding,
  getBinding,
  listBindings,
  updateBinding,
} from '../../../db/instances/bindings.ts'
import { folderPattern, mayCoincide } from '../../../db/instances/folder-pattern.ts'
import {
  createInstance,
  deleteInstance,
  getInstance,
  listInstances,
  updateInstance,
} from '../../../db/instances/instances.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { someAccount, someInstance, someRun } from '../../support/rows.ts'
import { until } from '../../support/until.ts'

const conflict = (kind: string, field: string) => (error: unknown) =>
  error instanceof DbConflict && error.kind === kind && error.field === field

describe('folder patterns', () => {
  it('folder patterns are the same for paths that a provider takes for the same', () => {
    for (const path of [
      '/Odoo-Backups/{instance_slug}/',
      'odoo-backups/{instance_slug}',
      '//ODOO-backups//acme/',
    ]) {
      assert.equal(folderPattern(path, 'acme'), '/odoo-backups/acme')
    }
    assert.equal(folderPattern('/', 'acme'), '')
    assert.equal(folderPattern('/caf\u0065\u0301', 'acme'), folderPattern('/CAF\u00c9', 'acme'))
  })

  it('folder patterns refuse to climb', () => {
    assert.throws(() => folderPattern('/a/../b', 'acme'), conflict('invalid', 'remote_path'))
  })

  for (const [one, other, expected] of [
    ['/a', '/a', true],
    ['/a', '/b', false],
    ['/a', '/a/b', false],
    ['/a/{database}', '/a/acme', true],
    ['/a/{database}', '/a/acme/x', false],
    ['/{database}/x', '/acme/{database}', true],
    ['/{database}/x', '/acme/y', false],
    ['/db-{database}', '/db-acme', true],
    ['/db-{database}', '/acme-{database}', false],
    ['/db-{database}', '/{database}-old', true],
    ['/x{database}y{database}z', '/xaaybbz', true],
    ['/x{database}y{database}z', '/xaabbz', false],
    ['', '', true],
    ['', '/{database}', false],
  ] as const) {
    it(`"${one}" and "${other}" ${expected ? 'may be' : 'are never'} the same folder`, () => {
      assert.equal(mayCoincide(one, other), expected)
      assert.equal(mayCoincide(other, one), expected)
    })
  }
})

describe('bindings', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('bindings have the defaults of the contract', async () => {
    const [instance, account] = [await someInstance(test.db), await someAccount(test.db)]
    const binding = await createBinding(test.db, { instance_slug: instance.slug, account_id: account.id })
    assert.equal(binding.remote_path, '/odoo-backups/{instance_slug}/')
    assert.equal(binding.resolved_folder, `/odoo-backups/${instance.slug}`)
    assert.deepEqual([binding.enabled, binding.keep_last, binding.retention_scope], [true, null, 'folder'])
  })

  it('an instance has one binding per account', async () => {
    const [instance, account] = [await someInstance(test.db), await someAccount(test.db)]
    const values = { instance_slug: instance.slug, account_id: account.id }
    await createBinding(test.db, values)
    await assert.rejects(
      createBinding(test.db, { ...values, remote_path: '/elsewhere' }),
      conflict('duplicate', 'account_id'),
    )
  })

  it('bindings of one account cannot share a folder, those of two accounts can', async () => {
    const [one, two] = [await someInstance(test.db), await someInstance(test.db)]
    const [account, other] = [await someAccount(test.db), await someAccount(test.db)]
    await createBinding(test.db, {
      instance_slug: one.slug,
      account_id: account.id,
      remote_path: '/all/{database}',
    })
    await assert.rejects(
      createBinding(test.db, { instance_slug: two.slug, account_id: account.id, remote_path: '/ALL/prod/' }),
      conflict('folder_overlap', 'remote_path'),
    )
    await createBinding(test.db, { instance_slug: two.slug, account_id: other.id, remote_path: '/all/prod' })
  })

  it('bindings that are made at the same time cannot share a folder either', async () => {
    const account = await someAccount(test.db)
    const instances = await Promise.all(Array.from({ length: 6 }, () => someInstance(test.db)))
    const outcomes = await Promise.allSettled(
      instances.map((instance, index) =>
        createBinding(test.db, {
          instance_slug: instance.slug,
          account_id: account.id,
          remote_path: index % 2 === 0 ? '/x/{database}' : '/x/prod',
        }),
      ),
    )
    assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1)
    for (const outcome of outcomes) {
      assert.ok(outcome.status === 'fulfilled' || conflict('folder_overlap', 'remote_path')(outcome.reason))
    }
  })

  it('bindings cannot be moved into the folder of another, but can stay in their own', async () => {
    const [one, two, account] = [
      await someInstance(test.db),
      await someInstance(test.db),
      await someAccount(test.db),
    ]
    await createBinding(test.db, { instance_slug: one.slug, account_id: account.id })
    const binding = await createBinding(test.db, {
      instance_slug: two.slug,
      account_id: account.id,
      keep_last: 3,
    })
    await assert.rejects(
      updateBinding(test.db, binding.id, { remote_path: `/odoo-backups/${one.slug}` }),
      conflict('folder_overlap', 'remote_path'),
    )
    const changed = await updateBinding(test.db, binding.id, { enabled: false, keep_last: null })
    assert.deepEqual(
      [changed?.enabled, changed?.keep_last, changed?.remote_path],
      [false, null, binding.remote_path],
    )
    assert.deepEqual(await listBindings(test.db, two.slug, { enabledOnly: true }), [])
    assert.equal(await deleteBinding(test.db, binding.id), true)
    assert.equal(await updateBinding(test.db, binding.id, {}), null)
  })

  it('bindings keep both of two changes that are made at the same time, each knowing what was before it', async () => {
    const [instance, account] = [await someInstance(test.db), await someAccount(test.db)]
    const binding = await createBinding(test.db, {
      instance_slug: instance.slug,
      account_id: account.id,
      remote_path: '/a',
    })
    const [written, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    // As the API does it: the audit gets the earlier state.
    const changed = (patch: BindingPatch, end: () => Promise<void>) =>
      test.db.transaction().execute(async (trx) => {
        const before = await getBinding(trx, binding.id)
        const after = await updateBinding(trx, binding.id, patch)
        await end()
        return [before?.remote_path, before?.enabled, after?.remote_path, after?.enabled]
      })
    const first = changed({ remote_path: '/b' }, () => {
      written.resolve()
      return mayEnd.promise
    })
    await written.promise
    const second = changed({ enabled: false }, async () => {})
    const third = updateBinding(test.db, binding.id, { keep_last: 5 })
    await until('both wait for the first', async () => {
      const { rows } = await sql<{ count: number }>`select count(*) as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(test.db)
      return rows[0]?.count === 2 ? true : null
    })
    mayEnd.resolve()
    assert.deepEqual(await first, ['/a', true, '/b', true])
    assert.deepEqual(await second, ['/b', true, '/b', false])
    assert.equal((await third)?.remote_path, '/b')
    const last = await getBinding(test.db, binding.id)
    assert.deepEqual([last?.remote_path, last?.enabled, last?.keep_last], ['/b', false, 5])
  })

  it('bindings refuse an unknown instance or account, and a keep_last below 1', async () => {
    const [instance, account] = [await someInstance(test.db), await someAccount(test.db)]
    await assert.rejects(
      createBinding(test.db, { instance_slug: 'nobody', account_id: account.id }),
      conflict('not_found', 'instance'),
    )
    await assert.rejects(
      createBinding(test.db, { instance_slug: instance.slug, account_id: 'nobody' }),
      conflict('not_found', 'account_id'),
    )
    await assert.rejects(
      createBinding(test.db, { instance_slug: instance.slug, account_id: account.id, keep_last: 0 }),
      /bindings_keep_last_check/,
    )
  })
})

describe('instances', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('instances are made, listed by slug, renamed and deleted', async () => {
    for (const slug of ['b', 'a', 'c']) {
      await createInstance(test.db, { slug, name: slug.toUpperCase() })
    }
    await assert.rejects(createInstance(test.db, { slug: 'a', name: 'again' }), conflict('duplicate', 'slug'))
    await assert.rejects(createInstance(test.db, { slug: '../x', name: 'x' }), /instances_slug_check/)
    const first = await listInstances(test.db, { limit: 2 })
    const second = await listInstances(test.db, { limit: 2, cursor: first.next_cursor ?? '' })
    assert.deepEqual(
      [...first.items, ...second.items].map((instance) => instance.slug),
      ['a', 'b', 'c'],
    )
    assert.equal((await updateInstance(test.db, 'a', { name: 'Anna' }))?.name, 'Anna')
    assert.equal(await updateInstance(test.db, 'zz', { name: 'x' }), null)
    assert.equal(await deleteInstance(test.db, 'a'), true)
    assert.equal(await deleteInstance(test.db, 'a'), false)
    assert.equal(await getInstance(test.db, 'a'), null)
  })

  it('instances cannot be deleted while they have runs or bindings', async () => {
    const run = await someRun(test.db)
    await assert.rejects(deleteInstance(test.db, run.instance_slug), conflict('still_referenced', 'slug'))
    const [instance, account] = [await someInstance(test.db), await someAccount(test.db)]
    await createBinding(test.db, { instance_slug: instance.slug, account_id: account.id })
    await assert.rejects(deleteInstance(test.db, instance.slug), conflict('still_referenced', 'slug'))
  })
})
