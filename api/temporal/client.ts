// What the API asks of Temporal, put together from the files beside this one; nothing outside this folder knows
// @temporalio/client. What the calls throw is in failures.ts.

import { createWorkerQuestions, type WorkerQuestions } from './ask-worker.ts'
import { openConnection, type TemporalOptions } from './connection.ts'
import { createPendingActivities, type PendingActivities } from './pending-activity.ts'
import { createReadiness, type Readiness } from './readiness.ts'
import { createRunWorkflows, type RunWorkflows } from './runs.ts'

export interface TemporalClient extends RunWorkflows, PendingActivities, WorkerQuestions, Readiness {
  close(): Promise<void>
}

/** Connects at the first call. */
export function connectTemporal(options: TemporalOptions): TemporalClient {
  const connection = openConnection(options)
  const readiness = createReadiness(connection)
  return {
    ...createRunWorkflows(connection),
    ...createPendingActivities(connection),
    ...createWorkerQuestions(connection, readiness.check, options),
    ...readiness,
    close: connection.close,
  }
}
