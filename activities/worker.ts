// `npm run worker`: the Workers alone, for fleets (TEMPORAL_ADDRESS and DATABASE_URL point to the servers).

import { openDatabase } from '../db/database.ts'
import { prepareDatabase } from '../db/prepare.ts'
import { ConfigError, loadConfig } from '../db/process/config.ts'
import { createLogger } from '../db/process/log.ts'
import { startFailureText } from '../db/process/start-failure.ts'
import { connectWorker, installRuntime } from './worker/temporal-runtime.ts'
import { startWorkers, workerPoolSize } from './worker/workers.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  if (config.databaseUrl === null || config.temporalAddress === null) {
    throw new ConfigError([
      'DATABASE_URL and TEMPORAL_ADDRESS must be set for a worker of its own; `npm start` brings everything along.',
    ])
  }
  const log = createLogger(config)
  const db = openDatabase(config.databaseUrl, { log, poolSize: workerPoolSize(config) })
  const vault = await prepareDatabase(config, db, log)
  installRuntime(log)
  const temporal = await connectWorker(null)
  const workers = await startWorkers({ config, db, vault, log, temporal })
  log.info(
    { task_queue: config.taskQueue, archive_task_queue: config.archiveTaskQueue },
    'the worker is ready',
  )
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping')
      // `running` rejects with the same error.
      workers.stop().catch(() => undefined)
    })
  }
  await workers.running.catch((error: unknown) => {
    log.fatal({ err: error }, 'a worker failed; ending: a new start goes on from here')
    process.exitCode = 1
  })
  await temporal.connection.close()
  await db.destroy()
}

// Temporal's runtime, or an activity that does not end, would keep the process alive.
main().then(
  () => process.exit(process.exitCode ?? 0),
  (error: unknown) => {
    process.stderr.write(`${startFailureText(error)}\n`)
    process.exit(1)
  },
)
