// `npm run worker`: the Workers alone, for fleets (TEMPORAL_ADDRESS and DATABASE_URL point to the servers).

import { ConfigError, loadConfig } from '../db/config.ts'
import { openDatabase } from '../db/database.ts'
import { createLogger } from '../db/log.ts'
import { prepareDatabase } from '../db/prepare.ts'
import { connectWorker, installRuntime } from './temporal-runtime.ts'
import { startWorkers } from './workers.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  if (config.databaseUrl === null || config.temporalAddress === null) {
    throw new ConfigError([
      'DATABASE_URL and TEMPORAL_ADDRESS must be set for a worker of its own; `npm start` brings everything along.',
    ])
  }
  const log = createLogger(config)
  const db = openDatabase(config.databaseUrl, { log })
  const vault = await prepareDatabase(config, db, log)
  installRuntime(log)
  const temporal = await connectWorker(null)
  const workers = await startWorkers({ config, db, vault, log, temporal })
  log.info(
    { task_queue: config.taskQueue, archive_task_queue: config.archiveTaskQueue },
    'the worker is ready',
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping')
      workers.stop().catch((error: unknown) => log.error({ err: error }, 'the workers did not stop cleanly'))
    })
  }
  await workers.running
  await temporal.connection.close()
  await db.destroy()
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  // Temporal's runtime would keep the process alive without a Worker that ends it.
  process.exit(1)
})
