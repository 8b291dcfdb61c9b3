// How long the archive of a run is kept by the workflow that outlives it, with a stand-in for the worker of its host.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Worker, type WorkflowBundle } from '@temporalio/worker'
import { bundleWorkflows } from '../../activities/worker/workers.ts'
import { keepArchiveWorkflow } from '../../workflows/keep-archive.ts'
import { createTestTemporal, type TestTemporal } from '../support/temporal.ts'
import { until } from '../support/until.ts'

const HOUR_MS = 3_600_000
const DAY_S = 86_400

describe('keepArchiveWorkflow', () => {
  let temporal: TestTemporal
  let workflowBundle: WorkflowBundle
  before(async () => {
    temporal = await createTestTemporal()
    workflowBundle = await bundleWorkflows()
  })
  after(() => temporal.close())

  /** What the worker answers, one after the other; resolves with the seconds of the timers and of the activity's limit. */
  async function timersOf(answers: readonly object[], timers: number) {
    const taskQueue = temporal.taskQueue()
    const left = [...answers]
    const worker = await Worker.create({
      connection: temporal.nativeConnection,
      taskQueue,
      workflowBundle,
      activities: { releaseArchive: async () => left.shift() },
    })
    const running = worker.run()
    try {
      const handle = await temporal.client.workflow.start(keepArchiveWorkflow, {
        taskQueue,
        workflowId: `cloud-sync-pin/acme/${taskQueue}`,
        args: [{ run_id: 'r', archive_queue: taskQueue, keep_for: 1 }],
      })
      const seen = await until('the timers have started', async () => {
        const { events = [] } = await handle.fetchHistory()
        const started = events?.flatMap((event) => event.timerStartedEventAttributes ?? []) ?? []
        const scheduled = events?.flatMap((event) => event.activityTaskScheduledEventAttributes ?? []) ?? []
        if (started.length < timers) return null
        return {
          timers: started.map(({ startToFireTimeout }) => Number(startToFireTimeout?.seconds ?? 0)),
          limits: scheduled.map(({ scheduleToCloseTimeout }) => Number(scheduleToCloseTimeout?.seconds ?? 0)),
        }
      })
      if (
        left.length > 0 ||
        answers.some((answer) => !('is_released' in answer && answer.is_released === true))
      ) {
        await handle.terminate('seen')
      }
      return seen
    } finally {
      worker.shutdown()
      await running
    }
  }

  it("a kept archive is released when the worker's clock says so, and not a whole keeping time later", async () => {
    assert.deepEqual((await timersOf([{ is_released: false, kept_for_ms: HOUR_MS }], 2)).timers, [0, 3_600])
  })

  it('a kept archive that is not released is asked for again after a pause, or after the keeping time where no time is known', async () => {
    assert.deepEqual((await timersOf([{ is_released: false, kept_for_ms: -HOUR_MS }], 2)).timers, [0, 1])
    const answers = [{ is_released: false }, { is_released: false, kept_for_ms: null }]
    assert.deepEqual((await timersOf(answers, 3)).timers, [0, 0, 0])
  })

  it('a kept archive waits for its host no longer than a month', async () => {
    const { limits } = await timersOf([{ is_released: false, kept_for_ms: HOUR_MS }], 2)
    assert.deepEqual(limits, [30 * DAY_S])
  })
})
