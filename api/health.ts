// Whether the parts that the program needs can be used: for probes, and for people who look at the settings. What is
// wrong with a part stands in the log alone.

import { sql } from 'kysely'
import type { AppDeps } from './app-context.ts'
import { NoWorkerAnswered } from './temporal-client.ts'

export interface HealthCheck {
  database(): Promise<boolean>
  temporal(): Promise<boolean>
  /** The key opens what it has sealed. */
  key(): Promise<boolean>
  /** Somebody asks Temporal for work. */
  workers(): Promise<boolean>
}

export function createHealthCheck({
  db,
  vault,
  temporal,
  log,
}: Pick<AppDeps, 'db' | 'vault' | 'temporal' | 'log'>): HealthCheck {
  async function isUp(part: string, look: () => Promise<unknown>): Promise<boolean> {
    try {
      await look()
      return true
    } catch (err) {
      log.warn({ err, part }, 'not ready')
      return false
    }
  }

  return {
    database: () => isUp('database', () => sql`select 1`.execute(db)),
    temporal: () => isUp('temporal', () => temporal.check()),
    key: () => isUp('key', async () => vault.open('health', 'probe', vault.seal('health', 'probe', 'ok'))),
    workers: () =>
      isUp('workers', async () => {
        if ((await temporal.countWorkers()) === 0) throw new NoWorkerAnswered('no worker asks for work')
      }),
  }
}
