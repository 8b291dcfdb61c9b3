// Runs last for hours, so a new version meets open histories: the workflows must still make the same decisions from the
// histories of earlier versions (record.ts writes them). A change that breaks one needs `patched`.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ReplayWorkerOptions, Worker } from '@temporalio/worker'
import { bundleWorkflows } from '../../activities/workers.ts'
import { installQuietRuntime } from '../support/temporal.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.json'))

describe('the workflows of today', () => {
  let options: ReplayWorkerOptions
  before(async () => {
    installQuietRuntime()
    options = { workflowBundle: await bundleWorkflows() }
  })
  after(() => assert.ok(files.length >= 6))

  for (const file of files) {
    it(`go on with the history of ${file.replace('.json', '')}`, async () => {
      await Worker.runReplayHistory(options, JSON.parse(await readFile(join(FOLDER, file), 'utf8')))
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
