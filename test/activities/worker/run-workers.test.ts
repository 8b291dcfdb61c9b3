// The Workers of one process end together, whichever of them fails, and whoever asks.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Worker, type WorkerOptions } from '@temporalio/worker'
import { type RunnableWorker, runTogether } from '../../../activities/worker/run-workers.ts'
import { startWorkers, workerPoolSize } from '../../../activities/worker/workers.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { createLogger } from '../../../db/process/log.ts'

type State = ReturnType<RunnableWorker['getState']>

/** Ends when it is told to, after it was shut down or failed by itself. */
function aWorker() {
  const end = Promise.withResolvers<void>()
  let state: State = 'INITIALIZED'
  const told: string[] = []
  const worker: RunnableWorker = {
    run: () => {
      state = 'RUNNING'
      return end.promise
    },
    shutdown: () => {
      told.push('shut down')
      state = 'DRAINING'
    },
    getState: () => state,
  }
  return {
    worker,
    told,
    /** As the SDK does after a fatal error: it drains first, and rejects later. */
    drainByItself: () => {
      state = 'DRAINING'
    },
    end: () => end.resolve(),
    fail: (error: Error) => end.reject(error),
  }
}

const log = { error: () => undefined }
const soon = () => new Promise((resolve) => setTimeout(resolve, 50))

describe('the Workers of one process', () => {
  it('are all shut down when one fails, and are waited for before the failure is told', async () => {
    const [failing, other] = [aWorker(), aWorker()]
    const order: string[] = []
    const workers = runTogether([failing.worker, other.worker], log, async () => {
      order.push('afterwards')
    })
    const told = workers.running.catch((error: Error) => order.push(error.message))
    failing.fail(new Error('it broke'))
    await soon()
    assert.deepEqual([other.told, order], [['shut down'], []])
    const stopped = assert.rejects(workers.stop(), /it broke/)
    await soon()
    assert.deepEqual(order, [], 'stop waits for the one that drains')
    other.end()
    await stopped
    await told
    assert.deepEqual([order, other.told], [['afterwards', 'it broke'], ['shut down']])
  })

  it('are all shut down as soon as one stops by itself, before it has drained', async () => {
    const [failing, other] = [aWorker(), aWorker()]
    const workers = runTogether([failing.worker, other.worker], log, async () => undefined)
    failing.drainByItself()
    while (other.told.length === 0) await soon()
    other.end()
    failing.fail(new Error('it broke'))
    await assert.rejects(workers.running, /it broke/)
  })

  it('end without a failure when they are stopped', async () => {
    const all = [aWorker(), aWorker()]
    const workers = runTogether(
      all.map(({ worker }) => worker),
      log,
      async () => undefined,
    )
    const stopped = workers.stop()
    for (const { end } of all) end()
    await stopped
    await workers.running
    assert.deepEqual(
      all.map(({ told }) => told),
      [['shut down'], ['shut down']],
    )
  })

  it('have more connections to the database the more uploads they carry at once', () => {
    const sizes = [1, 8, 50, 200].map((uploadSlots) => workerPoolSize({ uploadSlots }))
    assert.deepEqual(
      sizes,
      sizes.toSorted((one, other) => one - other),
    )
    assert.equal(new Set(sizes).size, sizes.length)
  })

  it('offer work on archives on the queue of all only where they see the archives of all', async (t) => {
    const made: WorkerOptions[] = []
    t.mock.method(Worker, 'create', async (options: WorkerOptions) => {
      made.push(options)
      const { worker, end } = aWorker()
      end()
      return worker as Worker
    })
    const offeredWith = async (sharedArchives: boolean) => {
      made.length = 0
      const config = { ...loadConfig({ TASK_QUEUE: 'all', ARCHIVE_TASK_QUEUE: 'host7' }), sharedArchives }
      const workers = await startWorkers({
        config,
        log: createLogger({ logLevel: 'silent' }),
        workflowBundle: { code: '' },
        // Nothing runs.
        db: {} as never,
        vault: {} as never,
        temporal: {} as never,
      })
      await workers.stop()
      const offering = made.filter(({ activities }) => 'pinArchive' in (activities ?? {}))
      return offering.map(({ taskQueue }) => taskQueue)
    }
    assert.deepEqual(await offeredWith(false), ['host7-archives'])
    assert.deepEqual(await offeredWith(true), ['all', 'all-archives', 'host7-archives'])
  })
})
