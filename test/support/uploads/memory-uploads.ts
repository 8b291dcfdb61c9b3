// Attempts of uploads to a provider in memory: database, archive and activities are real, and what an attempt tells Temporal
// (heartbeats, signals) is kept.

import assert from 'node:assert/strict'
import type { Client } from '@temporalio/client'
import type { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { sql } from 'kysely'
import type { ActivityDeps } from '../../../activities/dependencies.ts'
import { createActivities } from '../../../activities/index.ts'
import type { UploadedCopy, UploadInput } from '../../../activities/uploads/uploaded-copy.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { getSession } from '../../../db/uploads/sessions.ts'
import type { DestinationState } from '../../../workflows/types.ts'
import { createTestDeps, type TestDeps } from '../activity-deps.ts'
import { createMemoryProvider, type MemoryProvider } from './memory-provider.ts'
import { recordedUpload } from './recorded-upload.ts'

/** Failed attempts are what is asked for here. */
const quiet = new DefaultLogger('ERROR')

export type Beat = { readonly bytes_sent?: number; readonly stored_bytes?: number }

export class MemoryUploads {
  readonly size = 3_000_000
  memory: MemoryProvider = createMemoryProvider()
  /** Of the last attempt. */
  beats: Beat[] = []
  /** Of all attempts. */
  readonly signals: Partial<DestinationState>[] = []
  readonly deps: TestDeps
  /** What attempts are given; a test may put something between. */
  given: ActivityDeps
  #heartbeatDetails: unknown

  static async create(): Promise<MemoryUploads> {
    return new MemoryUploads(await createTestDeps())
  }

  private constructor(base: TestDeps) {
    this.deps = {
      ...base,
      accounts: { open: async () => ({ provider: this.memory, kind: this.memory.kind }) as never },
    }
    this.given = this.deps
  }

  async aRun(): Promise<UploadInput> {
    const input = await recordedUpload(this.deps, this.size)
    this.#heartbeatDetails = undefined
    return input
  }

  async upload(input: UploadInput): Promise<UploadedCopy> {
    const client = {
      withDeadline: (_: number, work: () => unknown) => work(),
      withAbortSignal: (_: AbortSignal, work: () => unknown) => work(),
      workflow: {
        getHandle: () => ({
          signal: async (_: unknown, told: { state: Partial<DestinationState> }) => {
            this.signals.push(told.state)
          },
        }),
      },
    } as unknown as Client
    const environment = new MockActivityEnvironment(
      { heartbeatDetails: this.#heartbeatDetails },
      { logger: quiet, client },
    )
    this.beats = []
    environment.on('heartbeat', (details: Beat | undefined) => {
      this.beats.push(details ?? {})
      this.#heartbeatDetails = details
    })
    return environment.run(createActivities(this.given).uploadArchive, input)
  }

  async failure(input: UploadInput): Promise<ApplicationFailure> {
    return this.upload(input).then(
      () => assert.fail('it did not fail'),
      (failure: ApplicationFailure) => failure,
    )
  }

  async state({ run_id, account_id }: UploadInput): Promise<DestinationState> {
    return (await getRun(this.deps.db, run_id))?.cloud_sync_status[account_id] ?? assert.fail()
  }

  async session({ run_id, account_id }: UploadInput) {
    return (await getSession(this.deps.db, run_id, account_id)) ?? assert.fail()
  }

  /** As if the last attempt had ended so much earlier. */
  async laterBy({ run_id }: UploadInput, interval: string): Promise<void> {
    await sql`update upload_sessions set tried_at = tried_at - ${interval}::interval where run_id = ${run_id}`.execute(
      this.deps.db,
    )
  }
}
