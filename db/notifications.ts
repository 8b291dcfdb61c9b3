// What the database announces (NOTIFY by its triggers), over one connection of its own. After a lost connection it
// listens again and says so, because announcements in between were missed: whoever shows a state reads it anew.

import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { z } from 'zod'
import { type Db, newClient } from './database.ts'
import type { Logger } from './process/log.ts'

export type SetupChange = {
  readonly kind: 'instance' | 'account' | 'binding'
  readonly id: string
  readonly change: 'insert' | 'update' | 'delete'
}

type NotificationHandlers = {
  /** A run was written or changed. */
  readonly onRun: (runId: string) => void
  readonly onSetup: (change: SetupChange) => void
  /** Listening began, or began again, or an announcement is not understood: anything may have changed. */
  readonly onListening: () => void
}

interface Listener {
  stop(): Promise<void>
}

const RUNS = 'cloud_sync_runs'
const SETUP = 'cloud_sync_setup'

type ProbeTimes = {
  /** The connection is asked this often whether it still lives; in ms. */
  readonly everyMs: number
  readonly answerWithinMs: number
}

/** Nobody tells a connection that only listens that the other side is gone: the kernel would notice after eleven minutes. */
const PROBE: ProbeTimes = { everyMs: 15_000, answerWithinMs: 10_000 }

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000
const LEAVE_MS = 2_000

const setupChange = z.object({
  kind: z.enum(['instance', 'account', 'binding']),
  id: z.string(),
  change: z.enum(['insert', 'update', 'delete']),
})

/** Begins at once and goes on until `stop`, whatever becomes of the connection. */
export function listenForChanges(
  db: Db,
  handlers: NotificationHandlers,
  log: Pick<Logger, 'warn'>,
  probe: ProbeTimes = PROBE,
): Listener {
  const stopping = new AbortController()
  let client: Client | null = null

  async function listenUntilStopped(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    while (!stopping.signal.aborted) {
      const startedAt = Date.now()
      client = newClient(db)
      client.on('notification', ({ channel, payload }) => dispatch(channel, payload ?? '', handlers, log))
      try {
        await listenOver(client, stopping.signal, probe, handlers.onListening)
      } catch (err) {
        if (stopping.signal.aborted) return
        log.warn({ err }, 'changes in the database are not announced at the moment')
      } finally {
        // Whether it ends well or not, it is gone.
        client.end().catch((err: unknown) => log.warn({ err }, 'a connection did not end cleanly'))
        client = null
      }
      pauseMs =
        Date.now() - startedAt > LONGEST_PAUSE_MS ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      await pause(pauseMs, stopping.signal)
    }
  }

  const running = listenUntilStopped()
  return {
    async stop() {
      stopping.abort()
      // A connection that has gone silent does not end by itself.
      if (client !== null) await Promise.race([client.end(), pause(LEAVE_MS)])
      await running
    },
  }
}

/** Rejects when the connection is lost or does not answer any more; resolves when `stop` is aborted. */
async function listenOver(
  connection: Client,
  stop: AbortSignal,
  probe: ProbeTimes,
  onListening: () => void,
): Promise<void> {
  const over = new AbortController()
  stop.addEventListener('abort', () => over.abort(), { signal: over.signal })
  const lost = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject)
    connection.on('end', () => reject(new Error('the connection for notifications has ended')))
  })
  try {
    await Promise.race([connection.connect(), lost])
    await Promise.race([connection.query(`listen ${RUNS}; listen ${SETUP}`), lost])
    onListening()
    await Promise.race([lost, probeWhile(connection, over.signal, probe)])
  } finally {
    over.abort()
  }
}

/** Rejects when the other side has gone silent; resolves when the signal is aborted. */
async function probeWhile(
  connection: Client,
  signal: AbortSignal,
  { everyMs, answerWithinMs }: ProbeTimes,
): Promise<void> {
  for (;;) {
    await pause(everyMs, signal)
    if (signal.aborted) return
    await Promise.race([connection.query('select 1'), silence(answerWithinMs)])
  }
}

function dispatch(
  channel: string,
  payload: string,
  handlers: NotificationHandlers,
  log: Pick<Logger, 'warn'>,
): void {
  if (channel === RUNS) handlers.onRun(payload)
  if (channel !== SETUP) return
  const change = readSetupChange(payload)
  if (change !== null) {
    handlers.onSetup(change)
    return
  }
  // From a newer release that shares the database, while the hosts are upgraded: something has changed.
  log.warn({ channel }, 'an announcement of the database is of an unknown kind: everything is read anew')
  handlers.onListening()
}

function readSetupChange(payload: string): SetupChange | null {
  try {
    return setupChange.safeParse(JSON.parse(payload)).data ?? null
  } catch {
    // No JSON: of an unknown kind like any other.
    return null
  }
}

/** Ends early when the signal is aborted. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
}

/** Rejects after the time that an answer may take. */
async function silence(ms: number): Promise<never> {
  await delay(ms, undefined, { ref: false })
  throw new Error(`the connection for notifications has not answered for ${ms} ms`)
}
