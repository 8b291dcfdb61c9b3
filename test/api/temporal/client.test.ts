// The API's client of Temporal, where no server is.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { TemporalUnavailable } from '../../../api/temporal/failures.ts'

describe('a client of Temporal whose server is away', () => {
  it('a client of Temporal closes quietly while its calls wait to be repeated', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    server.close()
    // What a timer throws would end the process; here it is heard.
    const thrown: unknown[] = []
    const hear = (error: unknown) => thrown.push(error)
    process.on('uncaughtException', hear)
    for (let round = 0; round < 5; round += 1) {
      const client = connectTemporal({
        address: `127.0.0.1:${address.port}`,
        taskQueue: 'cloud',
        deadlineMs: 2_000,
      })
      const calls = Array.from({ length: 5 }, () => assert.rejects(client.check(), TemporalUnavailable))
      await delay(150 * round)
      await client.close()
      await Promise.all(calls)
    }
    await delay(1_200)
    process.off('uncaughtException', hear)
    assert.deepEqual(thrown, [])
  })
})
