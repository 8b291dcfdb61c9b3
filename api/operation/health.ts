// Whether the parts that the program needs can be used, for probes and for the page of settings. What is wrong with a part is
// only in the log. A part that hangs counts as away: no check waits longer than its deadline. Checks that come meanwhile share
// the running one, so that probes do not use up the connections.

import type { Db } from '../../db/database.ts'
import { pingDatabase } from '../../db/database-server.ts'
import type { Logger } from '../../db/process/log.ts'
import type { Vault } from '../../db/secrets/vault.ts'
import { inTime } from '../http/in-time.ts'
import type { TemporalClient } from '../temporal/client.ts'
import { NoWorkerAnswered } from '../temporal/failures.ts'

export interface HealthCheck {
  database(): Promise<boolean>
  temporal(): Promise<boolean>
  /** The key opens what it sealed. */
  key(): Promise<boolean>
  /** At least one worker asks Temporal for work. */
  workers(): Promise<boolean>
}

/** Probes themselves wait a few seconds. */
const PART_DEADLINE_MS = 3_000

/** No check throws: a part that is away is false. */
export function createHealthCheck({
  db,
  vault,
  temporal,
  log,
}: {
  readonly db: Db
  readonly vault: Vault
  readonly temporal: Pick<TemporalClient, 'check' | 'countWorkers'>
  readonly log: Logger
}): HealthCheck {
  const underWay = new Map<string, Promise<unknown>>()

  function askOnce(part: string, ask: () => Promise<unknown>): Promise<unknown> {
    const running = underWay.get(part)
    if (running !== undefined) return running
    const asked = ask().finally(() => underWay.delete(part))
    underWay.set(part, asked)
    return asked
  }

  async function isUp(part: string, ask: () => Promise<unknown>): Promise<boolean> {
    try {
      await inTime(askOnce(part, ask), PART_DEADLINE_MS, noAnswer)
      return true
    } catch (err) {
      log.warn({ err, part }, 'not ready')
      return false
    }
  }

  return {
    database: () => isUp('database', () => pingDatabase(db)),
    temporal: () => isUp('temporal', () => temporal.check()),
    key: () => isUp('key', async () => vault.open('health', 'probe', vault.seal('health', 'probe', 'ok'))),
    workers: () =>
      isUp('workers', async () => {
        if ((await temporal.countWorkers()) === 0) throw new NoWorkerAnswered('no worker asks for work')
      }),
  }
}

function noAnswer(): Error {
  return new Error(`no answer within ${PART_DEADLINE_MS} ms`)
}
