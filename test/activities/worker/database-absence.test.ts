// A database that is away for some seconds in the middle of an upload: the same attempt goes on, and loses nothing.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { newClient, openDatabase } from '../../../db/database.ts'
import { listAttempts } from '../../../db/uploads/attempts.ts'
import { startRelay } from '../../support/network/relay.ts'
import { MemoryUploads } from '../../support/uploads/memory-uploads.ts'

describe('an upload', () => {
  it('goes on in the same attempt when the database is away for five seconds', async () => {
    const uploads = await MemoryUploads.create()
    const server = newClient(uploads.deps.db)
    const open = new Set<Socket>()
    let isAway = false
    const relay = await startRelay(server.port, (near, far) => {
      if (isAway) return near.destroy()
      open.add(near)
      near.pipe(far)
    })
    const url = new URL('postgresql://127.0.0.1')
    url.username = server.user ?? ''
    url.password = server.password ?? ''
    url.port = String(relay.port)
    url.pathname = `/${server.database ?? ''}`
    const db = openDatabase(url.href, { log: { warn: () => undefined } })
    try {
      uploads.given = { ...uploads.deps, db }
      const input = await uploads.aRun()
      const { send } = uploads.memory
      uploads.memory.send = async (target, session, source, offset, context) => {
        isAway = true
        for (const socket of open) socket.destroy()
        const back = setTimeout(5_000).then(() => {
          isAway = false
        })
        // What is noted of the session meanwhile waits for the database as well.
        await Promise.all([back, context.saveSession(session)])
        return send(target, session, source, offset, context)
      }
      const copy = await uploads.upload(input)
      assert.equal(copy.attempt, 1)
      const attempts = await listAttempts(uploads.deps.db, input.run_id)
      assert.deepEqual(
        attempts.map(({ outcome, bytes_sent }) => [outcome, bytes_sent]),
        [['uploaded', uploads.size]],
      )
      assert.equal((await uploads.session(input)).stored_bytes, uploads.size)
    } finally {
      await db.destroy()
      await relay.close()
      await uploads.deps.close()
    }
  })
})
