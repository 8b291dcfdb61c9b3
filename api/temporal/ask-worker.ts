// Asks a worker a question: one activity and its answer. Servers before 1.31 run no activity without a workflow, so a small
// workflow asks there (workflows/ask-worker.ts).

import { randomUUID } from 'node:crypto'
import { ActivityExecutionFailedError, WorkflowFailedError } from '@temporalio/client'
import type { z } from 'zod'
import type { WorkerQuestion } from '../../workflows/ask-worker.ts'
import { ASK_WORKER_WORKFLOW } from '../../workflows/messages.ts'
import type { TemporalConnection } from './connection.ts'
import { activityError, TemporalUnavailable } from './failures.ts'
import { createServerWatch } from './server-watch.ts'

type ActivityCall<T> = {
  readonly name: string
  readonly args: object
  readonly result: z.ZodType<T>
  readonly taskQueue: string
  /** From the call to the answer, including the wait for a worker. */
  readonly timeoutMs: number
  /** How long it may wait for a worker; default: the whole time. */
  readonly workerWithinMs?: number
}

export interface WorkerQuestions {
  /** Runs one activity, without a workflow where the server can (1.31 or later). Throws ActivityRefused or NoWorkerAnswered. */
  runActivity<T>(call: ActivityCall<T>): Promise<T>
}

const GRPC_UNIMPLEMENTED = 12
/** The call lasts a little longer than the activity may, so that the activity's own timeout is what is reported. */
const GRACE_MS = 1_000

/** `check` tells whether the server still answers while the worker works. */
export function createWorkerQuestions(
  connection: TemporalConnection,
  check: () => Promise<void>,
  { standaloneActivities = true }: { readonly standaloneActivities?: boolean | undefined } = {},
): WorkerQuestions {
  const whileServerAnswers = createServerWatch(check)
  /** Learnt from the first answer. */
  let knowsStandalone = standaloneActivities

  return {
    async runActivity(call) {
      const id = `cloud-sync-api/${call.name}/${randomUUID()}`
      const ask = (execute: Execute) =>
        whileServerAnswers(() =>
          connection.within(call.timeoutMs + GRACE_MS, () => execute(connection, id, call)),
        )
      if (knowsStandalone) {
        try {
          return call.result.parse(await ask(executeActivity))
        } catch (error) {
          if (!isUnimplemented(error)) throw answerError(error)
          knowsStandalone = false
        }
      }
      try {
        return call.result.parse(await ask(executeByWorkflow))
      } catch (error) {
        throw answerError(error)
      }
    },
  }
}

type Execute = (connection: TemporalConnection, id: string, call: ActivityCall<unknown>) => Promise<unknown>

function executeActivity(
  { client }: TemporalConnection,
  id: string,
  call: ActivityCall<unknown>,
): Promise<unknown> {
  return client.activity.execute<unknown>(call.name, {
    id,
    taskQueue: call.taskQueue,
    args: [call.args],
    scheduleToCloseTimeout: call.timeoutMs,
    ...(call.workerWithinMs === undefined ? {} : { scheduleToStartTimeout: call.workerWithinMs }),
    retry: { maximumAttempts: 2 },
  })
}

function executeByWorkflow(
  { client, taskQueue }: TemporalConnection,
  workflowId: string,
  call: ActivityCall<unknown>,
): Promise<unknown> {
  const question: WorkerQuestion = {
    activity: call.name,
    args: call.args,
    task_queue: call.taskQueue,
    timeout_ms: call.timeoutMs,
    worker_within_ms: call.workerWithinMs ?? null,
  }
  return client.workflow.execute(ASK_WORKER_WORKFLOW, {
    workflowId,
    taskQueue,
    args: [question],
    workflowExecutionTimeout: call.timeoutMs,
  })
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof TemporalUnavailable && error.grpcStatus === GRPC_UNIMPLEMENTED
}

function answerError(error: unknown): unknown {
  const isAnswer = error instanceof ActivityExecutionFailedError || error instanceof WorkflowFailedError
  return isAnswer ? activityError(error.cause) : error
}
