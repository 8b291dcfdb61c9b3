// Methods that no operation has, over real HTTP: each is refused by a problem document, whatever the HTTP server makes of it.

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { type Api, startApi } from '../../../api/server.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { createLogger } from '../../../db/process/log.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { testVault } from '../../support/rows.ts'

const TOKEN = 'token-of-the-methods-test'

describe('a method that no operation has', () => {
  let database: TestDatabase
  let api: Api
  const logged: string[] = []
  before(async () => {
    database = await createTestDatabase()
    const config = loadConfig({ API_TOKEN: TOKEN, PORT: '0', ADMIN_PASSWORD: 'not used here' })
    const log = createLogger({ logLevel: 'error' }, { write: (line: string) => void logged.push(line) })
    const temporal = connectTemporal({ address: '127.0.0.1:1', taskQueue: 'none' })
    api = await startApi({ config, db: database.db, temporal, vault: testVault, log })
  })
  after(async () => {
    await api.stop()
    await database.close()
  })

  const send = (method: string, path: string) =>
    new Promise<{ readonly status: number; readonly type: string; readonly allow: string }>(
      (resolve, reject) => {
        const sent = request(`${api.url}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` } })
        sent.on('error', reject)
        sent.on('response', (answer) => {
          answer.resume()
          const { 'content-type': type = '', allow = '' } = answer.headers
          resolve({ status: answer.statusCode ?? 0, type, allow })
        })
        sent.end()
      },
    )

  it('a method without an operation gets a 405 that lists the allowed methods', async () => {
    for (const method of ['TRACE', 'PUT', 'PROPFIND']) {
      assert.deepEqual(
        await send(method, '/api/runs'),
        { status: 405, type: 'application/problem+json', allow: 'GET, POST' },
        method,
      )
      assert.equal((await send(method, '/api/nothing-is-here')).status, 404, method)
    }
    assert.deepEqual(logged, [])
  })
})
