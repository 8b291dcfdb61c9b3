// A run that is recorded and keeps its archive, just before the first attempt of its one upload.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createActivities } from '../../../activities/index.ts'
import type { UploadInput } from '../../../activities/uploads/uploaded-copy.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import type { TestDeps } from '../activity-deps.ts'
import { randomName, someAccount, someInstance } from '../rows.ts'

/** Of an instance, an account and an archive of `size` bytes that nothing else has. */
export async function recordedUpload(deps: TestDeps, size: number): Promise<UploadInput> {
  const activities = createActivities(deps)
  const { slug: instance } = await someInstance(deps.db)
  const { id: account_id } = await someAccount(deps.db)
  const { id: binding_id } = await createBinding(deps.db, { instance_slug: instance, account_id })
  const run_id = randomName('run')
  const archive = `${run_id}.zip`
  await writeFile(join(deps.folder, archive), Buffer.alloc(size, run_id))
  const { destinations } = await activities.recordRun({ run_id, instance, archive, workflow_id: 'w' })
  await activities.pinArchive({ run_id })
  const folder = destinations[0]?.folder ?? assert.fail()
  return { run_id, instance, account_id, binding_id, folder }
}
