// Whether Temporal answers, and whether workers ask it for work.

import type { TemporalConnection } from './connection.ts'

export interface Readiness {
  /** Resolves when the namespace answers; throws TemporalUnavailable. */
  check(): Promise<void>
  /** How many workers have asked the queue of workflows for work within the last minutes. Throws TemporalUnavailable. */
  countWorkers(): Promise<number>
}

const DEADLINE_MS = 2_000
/** TaskQueueType of Temporal's API. */
const WORKFLOW_QUEUE = 1

/** Calls answer or fail within seconds. */
export function createReadiness(connection: TemporalConnection): Readiness {
  const { workflowService, namespace, taskQueue, within } = connection
  return {
    async check() {
      await within(DEADLINE_MS, () => workflowService.describeNamespace({ namespace }))
    },
    async countWorkers() {
      const question = { namespace, taskQueue: { name: taskQueue }, taskQueueType: WORKFLOW_QUEUE }
      const { pollers } = await within(DEADLINE_MS, () => workflowService.describeTaskQueue(question))
      return pollers?.length ?? 0
    },
  }
}
