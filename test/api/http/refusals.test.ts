// Requests that the HTTP server refuses before the app sees them, as bytes on the line.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type Api, startApi } from '../../../api/server.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { createLogger } from '../../../db/process/log.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { testVault } from '../../support/rows.ts'

describe('a request that cannot be parsed', () => {
  let database: TestDatabase
  let api: Api
  const logged: string[] = []
  before(async () => {
    database = await createTestDatabase()
    const config = loadConfig({
      PORT: '0',
      ADMIN_PASSWORD: 'shorty',
      API_TOKEN: 'token-of-the-refusals-test',
    })
    const log = createLogger({ logLevel: 'warn' }, { write: (line: string) => void logged.push(line) })
    const temporal = connectTemporal({ address: '127.0.0.1:1', taskQueue: 'none' })
    api = await startApi({ config, db: database.db, temporal, vault: testVault, log })
  })
  after(async () => {
    await api.stop()
    await database.close()
  })

  /** All that comes back until the server closes the connection. */
  const send = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(api.port, '127.0.0.1', () => socket.write(bytes))
      let answer = ''
      socket.setEncoding('utf8')
      socket.on('data', (text: string) => {
        answer += text
      })
      socket.on('end', () => {
        socket.end()
        resolve(answer)
      })
      socket.on('error', reject)
    })

  const CASES: readonly (readonly [string, number, string])[] = [
    ['headers that are too large', 431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['what is not HTTP', 400, 'hello\r\n\r\n'],
    ['no Host', 400, 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['a bad Host', 400, 'GET /healthz HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n'],
    ['the asterisk', 400, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    [
      'two lengths',
      400,
      'POST /api/session HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    ],
    ['an unknown expectation', 417, 'GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\n\r\n'],
    ['a tunnel', 501, 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'],
  ]
  for (const [what, status, bytes] of CASES) {
    it(`a request that cannot be parsed gets a problem document: ${what}`, async () => {
      const answer = await send(bytes)
      const [head = '', body = ''] = answer.split('\r\n\r\n')
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(head, /^content-type: application\/problem\+json$/im)
      assert.match(head, /^x-content-type-options: nosniff$/im)
      assert.match(head, /^content-security-policy: default-src 'none'/im)
      assert.match(head, /^cache-control: no-store$/im)
      assert.match(head, /^connection: close$/im)
      const problem: { type: string; status: number; detail: string } = JSON.parse(
        // Without a length the body comes in chunks.
        /^transfer-encoding: chunked$/im.test(head) ? (body.split('\r\n')[1] ?? '') : body,
      )
      assert.equal(problem.status, status)
      assert.equal(problem.type, 'about:blank')
      assert.ok(problem.detail.length > 10)
    })
  }

  it('a request that cannot be parsed does not delay others', async () => {
    const answer = await send('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.match(answer, /^HTTP\/1.1 200 /)
  })

  it('requests that cannot be parsed leave nothing in the log', () => {
    assert.equal(logged.length, 1)
    assert.match(logged[0] ?? '', /ADMIN_PASSWORD has fewer than 8 characters/)
    assert.ok(!(logged[0] ?? '').includes('shorty'))
  })
})
