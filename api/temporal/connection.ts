// The connection to Temporal. Every call has a deadline, because a server that is away must show as 503 and never as a
// request that hangs. The connection is lazy: the API starts, and says so in /readyz, when Temporal is not there yet.

import { Client, Connection, makeGrpcRetryInterceptor } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { inTime } from '../http/in-time.ts'
import { isServiceFault, noAnswerWithin, unavailable } from './failures.ts'
import { createClosableRetry } from './grpc-retry.ts'

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

export interface TemporalConnection {
  readonly client: Client
  readonly workflowService: Connection['workflowService']
  readonly namespace: string
  readonly identity: string
  /** The queue of workflows. */
  readonly taskQueue: string
  readonly deadlineMs: number
  /** Throws TemporalUnavailable when the server does not answer within `ms`, or refuses this client. */
  within<T>(ms: number, call: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

const DEADLINE_MS = 5_000
const DEADLINE_GRACE_MS = 50
/** gRPC would wait up to two minutes before it looks for a server that was away. */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 3_000 }

/** Connects at the first call. */
export function openConnection(options: TemporalOptions): TemporalConnection {
  const { connectionOptions, namespace } = connectConfig(options)
  const retry = createClosableRetry()
  const connection = Connection.lazy({
    ...connectionOptions,
    channelArgs: RECONNECT,
    interceptors: [makeGrpcRetryInterceptor(retry.options)],
  })
  const identity = `cloud-sync-api@${process.pid}`
  const client = new Client({ connection, namespace, identity })
  return {
    client,
    workflowService: connection.workflowService,
    namespace,
    identity,
    taskQueue: options.taskQueue,
    deadlineMs: options.deadlineMs ?? DEADLINE_MS,

    async within(ms, call) {
      // The client also sleeps between its tries beyond the deadline; no try reaches the server any more then.
      const answer = client.withDeadline(Date.now() + ms, call)
      try {
        return await inTime(answer, ms + DEADLINE_GRACE_MS, () => noAnswerWithin(ms))
      } catch (error) {
        throw isServiceFault(error) ? unavailable(error) : error
      }
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
