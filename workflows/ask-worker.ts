// askWorkerWorkflow: runs one short activity for the API on clusters whose server knows no standalone activities (before
// 1.31). It does nothing else, and nothing reads its history.

import { proxyActivities } from '@temporalio/workflow'

export type WorkerQuestion = {
  /** Name of the activity. */
  readonly activity: string
  readonly args: object
  readonly task_queue: string
  readonly timeout_ms: number
  readonly worker_within_ms: number | null
}

export async function askWorkerWorkflow(question: WorkerQuestion): Promise<unknown> {
  const { activity, args, task_queue, timeout_ms, worker_within_ms } = question
  const activities = proxyActivities<Record<string, (input: object) => Promise<unknown>>>({
    taskQueue: task_queue,
    scheduleToCloseTimeout: timeout_ms,
    ...(worker_within_ms === null ? {} : { scheduleToStartTimeout: worker_within_ms }),
    retry: { maximumAttempts: 2 },
  })
  return activities[activity]?.(args)
}
