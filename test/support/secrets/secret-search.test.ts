// The search through what tests leave behind must find what it is for.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createInstance } from '../../../db/instances/instances.ts'
import { createTestDatabase } from '../database.ts'
import { randomName, someAccount } from '../rows.ts'
import { plant } from './planted-secrets.ts'
import { searchAnswer, searchDatabase, searchLog } from './secret-search.ts'

describe('the search for planted secrets', () => {
  it('passes over what is sealed, and finds the same value in a column that is not', async () => {
    const database = await createTestDatabase()
    const access_token = randomName('a-token-of-a-test')
    await someAccount(database.db, { access_token })
    await searchDatabase(database.db)
    await createInstance(database.db, { slug: 'acme', name: `Acme ${access_token}` })
    await assert.rejects(searchDatabase(database.db), /table instances holds a planted secret/)
    await database.db.deleteFrom('instances').execute()
    await database.close()
  })

  it('finds a planted secret, and what has the form of a token, in answers and in the log', () => {
    const secret = randomName('another-token-of-a-test')
    plant([secret])
    assert.throws(() => searchAnswer('GET /', `{"detail":"refused ${secret}"}`), /planted secret/)
    assert.throws(() => searchLog([`sent with Bearer ${'x'.repeat(20)}`]), /Bearer/)
    searchAnswer('GET /', '{"detail":"refused"}')
  })
})
