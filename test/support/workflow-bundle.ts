// The workflows, bundled once for all test files of a run: bundling takes seconds of a processor each time.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkflowBundle } from '@temporalio/worker'
import { bundleWorkflows } from '../../activities/worker/workers.ts'
import { readIfThere } from '../../db/machine/errno.ts'
import { alone } from './alone.ts'

let ofProcess: Promise<WorkflowBundle> | undefined

/** As the program makes it. `npm test` names the folder that its files share; without it, every process makes its own. */
export function testBundle(): Promise<WorkflowBundle> {
  const folder = process.env.TEST_SHARED_FOLDER
  ofProcess ??= folder === undefined ? bundleWorkflows() : sharedBundle(join(folder, 'workflows.js'))
  return ofProcess
}

async function sharedBundle(path: string): Promise<WorkflowBundle> {
  return alone(`${path}.lock`, async () => {
    const made = await readIfThere(path)
    if (made !== null) return { code: made }
    const bundle = await bundleWorkflows()
    await writeFile(path, bundle.code)
    return bundle
  })
}
