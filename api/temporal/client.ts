// What the API asks of Temporal, and, with its errors in failures.ts, all here that knows @temporalio/client.
// Every call has a deadline, because a server that is away must show as 503 and never as a request that hangs. The
// connection is lazy: the API starts, and says so in /readyz, when Temporal is not there yet. Arguments carry IDs and
// paths, never a secret.

import { randomUUID } from 'node:crypto'
import {
  ActivityExecutionFailedError,
  Client,
  Connection,
  isGrpcDeadlineError,
  makeGrpcRetryInterceptor,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
} from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import type { z } from 'zod'
import type { WorkerQuestion } from '../../workflows/ask-worker.ts'
import type { ErrorCode } from '../../workflows/errors.ts'
import { ASK_WORKER_WORKFLOW, CLOUD_SYNC_WORKFLOW } from '../../workflows/messages.ts'
import { backupRunIdKey, cloudSyncStatusKey, odooInstanceKey } from '../../workflows/search-attributes.ts'
import type { CloudSyncInput } from '../../workflows/types.ts'
import { detailsText, summaryText } from '../../workflows/web-ui-text.ts'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import { inTime } from '../http/in-time.ts'
import {
  activityError,
  closingFailure,
  isServiceFault,
  noAnswerWithin,
  TemporalUnavailable,
  unavailable,
} from './failures.ts'
import { createClosableRetry } from './grpc-retry.ts'
import { type PendingUpload, pendingUpload } from './pending-upload.ts'
import { createServerWatch } from './server-watch.ts'

export {
  ActivityRefused,
  isAway,
  isRefusal,
  NoWorkerAnswered,
  TemporalUnavailable,
} from './failures.ts'

export type SyncStart = CloudSyncInput & { readonly run_id: string }

export type ActivityCall<T> = {
  readonly name: string
  readonly args: object
  readonly result: z.ZodType<T>
  readonly taskQueue: string
  /** From the call to the answer, waiting for a worker included. */
  readonly timeoutMs: number
  /** How long it may wait for a worker; default: the whole time. */
  readonly workerWithinMs?: number
}

export type SyncState =
  | { readonly is: 'open' }
  /** `failure` null: it completed. */
  | { readonly is: 'closed'; readonly failure: { readonly code: ErrorCode; readonly message: string } | null }
  /** Never started, or forgotten with retention or with the server's data. */
  | { readonly is: 'unknown' }

export interface TemporalClient {
  /** Starts `cloudSyncWorkflow`; `already_open` when an execution of this run is open. */
  startSync(input: SyncStart): Promise<'started' | 'already_open'>
  /** False when there is no open execution. Returns when the request is stored, not when the sync has ended. */
  cancelSync(workflowId: string): Promise<boolean>
  /** With `closingWithinMs`, an execution that is about to close is waited for. */
  syncState(workflowId: string, options?: { readonly closingWithinMs?: number }): Promise<SyncState>
  /** The activity of an open workflow; null when there is none, or the workflow is not open. */
  pendingUpload(workflowId: string): Promise<PendingUpload | null>
  /** Ends the wait for the next attempt of an activity. False when there is none (any more). */
  retryNow(workflowId: string, activityId: string): Promise<boolean>
  /** Runs one activity, without a workflow where the server can (1.31 or later). Throws ActivityRefused or NoWorkerAnswered. */
  runActivity<T>(call: ActivityCall<T>): Promise<T>
  /** Resolves when the namespace answers; throws TemporalUnavailable. */
  check(): Promise<void>
  /** How many workers have asked the queue of workflows for work within the last minutes. Throws TemporalUnavailable. */
  countWorkers(): Promise<number>
  close(): Promise<void>
}

export type TemporalOptions = {
  /** host:port of a server without TLS; default: the environment as @temporalio/envconfig reads it. */
  readonly address?: string | undefined
  readonly namespace?: string | undefined
  /** The queue of workflows. */
  readonly taskQueue: string
  /** For one call; default 5 s. */
  readonly deadlineMs?: number
  /** False: the server is known to be older than 1.31. */
  readonly standaloneActivities?: boolean
}

const DEADLINE_MS = 5_000
const DEADLINE_GRACE_MS = 50
const READINESS_DEADLINE_MS = 2_000
/** A start holds a row of the database; one that comes too late is owed, and made again. */
const START_DEADLINE_MS = 3_000
const GRPC_NOT_FOUND = 5
const GRPC_UNIMPLEMENTED = 12
/** TaskQueueType of Temporal's API. */
const WORKFLOW_QUEUE = 1
/** gRPC would wait up to two minutes before it looks for a server that was away. */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 3_000 }

export function connectTemporal(options: TemporalOptions): TemporalClient {
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS
  const { connectionOptions, namespace } = connectConfig(options)
  const retry = createClosableRetry()
  const connection = Connection.lazy({
    ...connectionOptions,
    channelArgs: RECONNECT,
    interceptors: [makeGrpcRetryInterceptor(retry.options)],
  })
  const client = new Client({ connection, namespace, identity: `cloud-sync-api@${process.pid}` })

  /** The client sleeps between its tries also beyond the deadline; nothing of it reaches the server any more then. */
  async function within<T>(ms: number, call: () => Promise<T>): Promise<T> {
    const answer = client.withDeadline(Date.now() + ms, call)
    try {
      return await inTime(answer, ms + DEADLINE_GRACE_MS, () => noAnswerWithin(ms))
    } catch (error) {
      throw isServiceFault(error) ? unavailable(error) : error
    }
  }

  /** One open execution of the ID at a time, whatever has ended before. */
  async function startOne(type: string, start: WorkflowStartOptions): Promise<'started' | 'already_open'> {
    const workflowIdConflictPolicy = 'FAIL'
    const workflowIdReusePolicy = 'ALLOW_DUPLICATE'
    const one = { ...start, workflowIdConflictPolicy, workflowIdReusePolicy } as const
    try {
      await within(Math.min(deadlineMs, START_DEADLINE_MS), () => client.workflow.start(type, one))
      return 'started'
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already_open'
      throw error
    }
  }

  async function check(): Promise<void> {
    await within(READINESS_DEADLINE_MS, () =>
      connection.workflowService.describeNamespace({ namespace: client.options.namespace }),
    )
  }

  const whileServerAnswers = createServerWatch(check)

  /** Servers before 1.31 do not; it is asked once. */
  let knowsStandalone = options.standaloneActivities ?? true

  function executeActivity(id: string, call: ActivityCall<unknown>): Promise<unknown> {
    return client.activity.execute<unknown>(call.name, {
      id,
      taskQueue: call.taskQueue,
      args: [call.args],
      scheduleToCloseTimeout: call.timeoutMs,
      ...(call.workerWithinMs === undefined ? {} : { scheduleToStartTimeout: call.workerWithinMs }),
      retry: { maximumAttempts: 2 },
    })
  }

  function executeByWorkflow(workflowId: string, call: ActivityCall<unknown>): Promise<unknown> {
    const question: WorkerQuestion = {
      activity: call.name,
      args: call.args,
      task_queue: call.taskQueue,
      timeout_ms: call.timeoutMs,
      worker_within_ms: call.workerWithinMs ?? null,
    }
    return client.workflow.execute(ASK_WORKER_WORKFLOW, {
      workflowId,
      taskQueue: options.taskQueue,
      args: [question],
      workflowExecutionTimeout: call.timeoutMs,
    })
  }

  return {
    startSync: (input) =>
      startOne(CLOUD_SYNC_WORKFLOW, {
        taskQueue: options.taskQueue,
        workflowId: runWorkflowId(input.instance, input.run_id),
        args: [input],
        typedSearchAttributes: [
          { key: odooInstanceKey, value: input.instance },
          { key: backupRunIdKey, value: input.run_id },
          { key: cloudSyncStatusKey, value: 'pending' },
        ],
        staticSummary: summaryText(`${input.instance}: ${input.archive}`),
        staticDetails: detailsText(startDetails(input)),
        priority: { fairnessKey: input.instance },
      }),

    async cancelSync(workflowId) {
      const handle = client.workflow.getHandle(workflowId)
      try {
        // Asked first: the server takes the request of a closed execution as well, and does nothing.
        const { status } = await within(deadlineMs, () => handle.describe())
        if (!isOpen(status)) return false
        await within(deadlineMs, () => handle.cancel())
        return true
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false
        throw error
      }
    },

    async syncState(workflowId, { closingWithinMs = 0 } = {}) {
      const handle = client.workflow.getHandle(workflowId)
      try {
        const { status } = await within(deadlineMs, () => handle.describe())
        if (isOpen(status) && closingWithinMs === 0) return { is: 'open' }
        const deadline = Date.now() + (isOpen(status) ? closingWithinMs : deadlineMs)
        await client.withDeadline(deadline, () => handle.result())
        return { is: 'closed', failure: null }
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { is: 'unknown' }
        if (error instanceof WorkflowFailedError)
          return { is: 'closed', failure: closingFailure(error.cause) }
        if (closingWithinMs > 0 && isGrpcDeadlineError(error)) return { is: 'open' }
        throw isServiceFault(error) ? unavailable(error) : error
      }
    },

    async pendingUpload(workflowId) {
      try {
        const { raw } = await within(deadlineMs, () => client.workflow.getHandle(workflowId).describe())
        const activity = raw.pendingActivities?.[0]
        return activity === undefined ? null : pendingUpload(activity)
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null
        throw error
      }
    },

    async retryNow(workflowId, activityId) {
      const { namespace } = client.options
      try {
        await within(deadlineMs, () =>
          connection.workflowService.resetActivity({
            namespace,
            execution: { workflowId },
            id: activityId,
            identity: client.options.identity,
          }),
        )
        return true
      } catch (error) {
        if (error instanceof TemporalUnavailable && error.grpcStatus === GRPC_NOT_FOUND) return false
        throw error
      }
    },

    async runActivity(call) {
      const id = `cloud-sync-api/${call.name}/${randomUUID()}`
      // A little longer than the activity may take, so that its own timeout is what is reported.
      const ask = <T>(question: () => Promise<T>) =>
        whileServerAnswers(() => within(call.timeoutMs + 1_000, question))
      try {
        if (knowsStandalone) return call.result.parse(await ask(() => executeActivity(id, call)))
      } catch (error) {
        if (error instanceof ActivityExecutionFailedError) throw activityError(error.cause)
        if (!(error instanceof TemporalUnavailable && error.grpcStatus === GRPC_UNIMPLEMENTED)) throw error
        knowsStandalone = false
      }
      try {
        return call.result.parse(await ask(() => executeByWorkflow(id, call)))
      } catch (error) {
        throw error instanceof WorkflowFailedError ? activityError(error.cause) : error
      }
    },

    check,

    async countWorkers() {
      const { pollers } = await within(READINESS_DEADLINE_MS, () =>
        connection.workflowService.describeTaskQueue({
          namespace: client.options.namespace,
          taskQueue: { name: options.taskQueue },
          taskQueueType: WORKFLOW_QUEUE,
        }),
      )
      return pollers?.length ?? 0
    },

    async close() {
      await retry.end()
      await connection.close()
    },
  }
}

function connectConfig({ address, namespace }: TemporalOptions) {
  if (address !== undefined) {
    return { connectionOptions: { address }, namespace: namespace ?? 'default' }
  }
  // From the environment alone: a profile in the home folder of whoever runs this must not decide the server.
  const config = loadClientConnectConfig({ disableFile: true })
  const { address: target, apiKey, tls, metadata } = config.connectionOptions
  return {
    connectionOptions: {
      ...(target === undefined ? {} : { address: target }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls === undefined ? {} : { tls }),
      ...(metadata === undefined ? {} : { metadata }),
    },
    namespace: namespace ?? config.namespace ?? 'default',
  }
}

function isOpen({ name }: { readonly name: string }): boolean {
  return name === 'RUNNING' || name === 'PAUSED'
}

function startDetails(input: SyncStart): string {
  const database = input.database ? ` of database \`${input.database}\`` : ''
  return `Uploads \`${input.archive}\`${database} to the destinations of instance \`${input.instance}\`.`
}
