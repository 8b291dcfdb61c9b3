// Runs last for hours, so a new version meets open histories: the workflows must still make the same decisions from the
// histories of earlier versions: those here (record.ts writes them), and those of whole installations (test/upgrade). A change
// that breaks one needs `patched`.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ReplayWorkerOptions, Worker } from '@temporalio/worker'
import { z } from 'zod'
import { installQuietRuntime } from '../support/temporal.ts'
import { testBundle } from '../support/workflow-bundle.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const UPGRADES = fileURLToPath(new URL('../upgrade/', import.meta.url))

const versions = (await readdir(UPGRADES, { withFileTypes: true })).filter((entry) => entry.isDirectory())
const places = [
  { folder: FOLDER, of: '' },
  ...versions.map(({ name }) => ({ folder: join(UPGRADES, name, 'histories'), of: ` of ${name}` })),
]
const histories = await Promise.all(
  places.map(async ({ folder, of }) => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
    return names.map((name) => ({ path: join(folder, name), name: `${name.replace('.json', '')}${of}` }))
  }),
)

const historySchema = z.object({ events: z.array(z.looseObject({ eventType: z.string() })) })

/**
 * Closed histories whose last step was a fault that is mended: while they were open, they went on as today's would. Here a
 * run failed as a whole because one of its children was cancelled.
 */
const ENDED_WRONGLY: ReadonlySet<string> = new Set(['child-cancelled.run of f485751'])

/** Up to the start of the workflow task that closed it. */
function withoutItsEnd<Event extends { readonly eventType: string }>(events: readonly Event[]): Event[] {
  const started = events.findLastIndex(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_STARTED')
  return events.slice(0, started + 1)
}

describe('the workflows of today', () => {
  let options: ReplayWorkerOptions
  before(async () => {
    installQuietRuntime()
    options = { workflowBundle: await testBundle() }
  })

  it('are tried with every kind of history that a version has left', () => {
    assert.deepEqual(
      histories.map((found) => found.length),
      [6, 25],
    )
  })

  for (const { path, name } of histories.flat()) {
    it(`go on with the history of ${name}`, async () => {
      const history = historySchema.parse(JSON.parse(await readFile(path, 'utf8')))
      const events = ENDED_WRONGLY.has(name) ? withoutItsEnd(history.events) : history.events
      await Worker.runReplayHistory(options, { events })
    })
  }

  it('do not go on with a history that another program wrote', async () => {
    const file = 'uploaded.run.json'
    const text = (await readFile(join(FOLDER, file), 'utf8'))
      .replaceAll('"recordRun"', '"writeRun"')
      .replaceAll('"awaitTurn"', '"queueUp"')
    const encoded = text.replaceAll(/"name":\s*"(saveDestination|verifyUpload)"/g, '"name":"other"')
    await assert.rejects(Worker.runReplayHistory(options, JSON.parse(encoded)), /[Nn]on-?determinis/)
  })
})
