import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { accountPause, pauseAccount } from '../../../db/accounts/account-pauses.ts'
import { updateAccount } from '../../../db/accounts/accounts.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { someAccount, testVault } from '../../support/rows.ts'

describe('pauses of accounts', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('an account pauses until the latest end that was asked for', async () => {
    const { id } = await someAccount(test.db)
    assert.equal(await accountPause(test.db, id), null)
    await pauseAccount(test.db, id, '2099-01-02T00:00:00Z', 'daily limit')
    await pauseAccount(test.db, id, '2099-01-01T00:00:00Z', 'Retry-After')
    assert.deepEqual(await accountPause(test.db, id), {
      until: '2099-01-02T00:00:00.000Z',
      reason: 'daily limit',
    })
    await updateAccount(test.db, testVault, id, { credentials: { access_token: 'new' } })
    assert.equal(await accountPause(test.db, id), null)
    await pauseAccount(test.db, id, '2020-01-01T00:00:00Z', 'long over')
    assert.equal(await accountPause(test.db, id), null)
  })
})
