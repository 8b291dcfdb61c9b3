// A real Temporal server for one test file: the CLI's development server, in memory, on ports of its own, with the
// search attributes of the contract. One a file; a task queue of its own for each test.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Client, Connection } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { DefaultLogger, type NativeConnection, Runtime } from '@temporalio/worker'
import { findTemporalCli } from '../../temporal-dev/cli/find-cli.ts'
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts'
import { searchHistories } from './secrets/secret-search.ts'

export type TestTemporal = {
  readonly address: string
  readonly namespace: string
  readonly client: Client
  readonly connection: Connection
  /** For Workers. */
  readonly nativeConnection: NativeConnection
  /** A name no other test uses. */
  readonly taskQueue: () => string
  /** Searches all histories for planted secrets and ends the server. Needs every Worker to have ended. */
  readonly close: () => Promise<void>
}

export type TestTemporalOptions = {
  /** More options of `temporal server start-dev`. */
  readonly extraArgs?: readonly string[]
}

let runtimeInstalled = false

/** `npm test` names the server by TEMPORAL_CLI; without it, it is found as the program finds it. */
export async function createTestTemporal({
  extraArgs = [],
}: TestTemporalOptions = {}): Promise<TestTemporal> {
  installQuietRuntime()
  const cli = await findTemporalCli({
    environment: process.env,
    log: { info: () => undefined, warn: () => undefined },
  })
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: cli },
      ip: '127.0.0.1',
      log: { format: 'json', level: 'never' },
      searchAttributes: SEARCH_ATTRIBUTES.map((name) =>
        defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
      ),
      extraArgs: ['--dynamic-config-value', 'matching.enableFairness=true', ...extraArgs],
    },
  })
  return {
    address: environment.address,
    namespace: environment.namespace ?? 'default',
    client: environment.client,
    connection: environment.connection,
    nativeConnection: environment.nativeConnection,
    taskQueue: () => `test-${randomUUID()}`,
    close: async () => {
      try {
        await searchHistories(environment.client)
      } finally {
        await environment.teardown()
      }
    },
  }
}

/** When the last attempt of the activity began, by Temporal's own clock: the one to compare with what Temporal has planned. */
export async function lastStartOf(client: Client, workflowId: string, activity: string): Promise<Date> {
  const history = await client.workflow.getHandle(workflowId).fetchHistory()
  const events = history.events ?? []
  const scheduled = events
    .filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity)
    .map(({ eventId }) => String(eventId))
  const started = events.findLast(({ activityTaskStartedEventAttributes: about }) =>
    scheduled.includes(String(about?.scheduledEventId)),
  )
  const { seconds, nanos } = started?.eventTime ?? assert.fail(`${activity} has not begun`)
  return new Date(Number(seconds) * 1000 + (nanos ?? 0) / 1_000_000)
}

/** Errors only, from the SDK and its core: a test that provokes failures fills no screen. Once a process. */
export function installQuietRuntime(): void {
  if (runtimeInstalled) return
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
  })
  runtimeInstalled = true
}
