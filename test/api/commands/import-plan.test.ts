// What an import plans, without a program to import into: nothing that the API would refuse later.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planImport } from '../../../api/commands/import-plan.ts'
import type { SourceBinding, SourceData } from '../../../api/commands/odoo-backup-app.ts'
import { newAccountSchema } from '../../../api/schemas/accounts.ts'
import { newBindingSchema } from '../../../api/schemas/bindings.ts'
import { newInstanceSchema } from '../../../api/schemas/instances.ts'

const instance = (id: number, slug: string, retention_value = 7) => ({
  id,
  name: slug,
  slug,
  retention_mode: 'keep_last_n',
  retention_value,
})
const account = (id: number, name: string) =>
  ({ id, provider: 'dropbox', name, enabled: true, credentials: { access_token: 'x' } }) as const
const binding = (instance_id: number, remote_folder: string, cloud_account_id = 1): SourceBinding => ({
  instance_id,
  cloud_account_id,
  remote_folder,
  enabled: true,
  apply_retention_remotely: true,
})
const source = (change: Partial<SourceData>): SourceData => ({
  instances: [instance(1, 'acme'), instance(2, 'bravo')],
  accounts: [account(1, 'Drop')],
  bindings: [binding(1, '/odoo-backups')],
  ...change,
})

describe('the plan of an import', () => {
  for (const [folder, reason] of [
    ['back\\ups/{date}', /placeholders/],
    ['back\\ups', /cannot be used in a path/],
    ['/a/../b', /cannot be used in a path/],
    [`/${'x'.repeat(1001)}`, /1000/],
  ] as const) {
    it(`the plan of an import refuses the folder ${folder.slice(0, 20)} and keeps the others`, () => {
      const { bindings, refused } = planImport(source({ bindings: [binding(1, folder), binding(2, '/b')] }))
      assert.deepEqual(
        bindings.map(({ slug }) => slug),
        ['bravo'],
      )
      assert.equal(refused.length, 1)
      assert.match(refused[0] ?? '', /^the binding of "acme" to "Drop" is not made: /)
      assert.match(refused[0] ?? '', reason)
    })
  }

  it('the plan of an import refuses the second of two bindings that may mean one folder', () => {
    const bindings = [binding(1, '/all/{database}'), binding(2, '/ALL/prod')]
    const plan = planImport(source({ bindings }))
    assert.equal(plan.bindings.length, 1)
    assert.match(
      plan.refused.join(),
      /"bravo" to "Drop" is not made: "acme" may use the same folder \/ALL\/prod/,
    )
  })

  it('the plan of an import contains nothing that the API would refuse', () => {
    const plan = planImport(
      source({
        instances: [
          instance(1, 'acme', 5_000_000),
          instance(2, 'b'.repeat(70)),
          { ...instance(3, 'c'), name: ' ' },
        ],
        accounts: [account(1, 'Drop'), account(2, 'D'.repeat(300))],
        bindings: [binding(1, '/a'), binding(2, '/b'), binding(3, '/c'), binding(3, '/d', 2)],
      }),
    )
    for (const one of plan.instances) newInstanceSchema.parse(one)
    for (const { slug, account_source_id, ...values } of plan.bindings) {
      newBindingSchema.parse({ account_id: String(account_source_id), ...values })
    }
    for (const { name, provider, credentials, settings, needs } of plan.accounts) {
      const { success } = newAccountSchema.safeParse({ name, provider, credentials, settings })
      assert.equal(success, needs.length === 0, needs.join())
    }
    assert.deepEqual(plan.accounts[1]?.needs, ['name must have at most 200 characters'])
    assert.match(plan.refused.join(), /1000000/)
  })
})
