// Runs that are open when the installation is killed: they wait, they are in the middle of an upload, or they are owed.

import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { recordRunToStart } from '../../db/runs/starts.ts'
import { until } from '../support/until.ts'
import { hangs, LARGE, MIB, type Recording, SMALL, strike } from './recording.ts'
import type { Accounts } from './set-up.ts'

export async function openRuns(recording: Recording, accounts: Accounts): Promise<void> {
  const { clouds } = recording
  const { google, dropbox } = recording.installed
  const { drive, dropbox: main, onedrive: one, resting } = accounts
  // A provider that asks for a long pause: the upload waits for its turn.
  strike(dropbox, { kind: 'status', status: 429, headers: { 'Retry-After': '86400' } }, 'upload', 1)
  const waits = await recording.report('paused', {
    instance: 'wayne-ent',
    archive: await recording.writeArchive('wayne-ent/wayne.zip', SMALL),
    account_ids: [resting],
  })
  await until('the account rests', async () => {
    const state = (await recording.getRun(waits.id)).cloud_sync_status[resting]
    return state?.status === 'retrying' ? true : null
  })
  recording.remember('paused', waits, 'wayne-ent', ['run', resting])

  // A host that nobody serves.
  const unserved = await recording.report('unserved-queue', {
    instance: 'wayne-ent',
    archive: await recording.writeArchive('wayne-ent/elsewhere.zip', SMALL),
    archive_task_queue: 'cloud-host9',
  })
  recording.remember('unserved-queue', unserved, 'wayne-ent', ['run'])

  // Uploads that stop in their middle, with bytes at the provider.
  strike(google, { kind: 'reset_after', bytes: 12 * MIB }, 'chunk', 1)
  for (const cloud of clouds) {
    const after = cloud === google ? 0 : 2
    cloud.server.faults.add({
      operation: 'chunk',
      after,
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'stall_after', bytes: MIB },
    })
  }
  for (const cloud of clouds) cloud.server.forgetRequests()
  const large = await recording.report('stopped', {
    instance: 'large',
    archive: await recording.writeArchive('large/large.dump', LARGE),
  })
  await Promise.all(clouds.map(hangs))
  await until('bytes are stored everywhere', async () => {
    const sent = Object.values((await recording.getRun(large.id)).cloud_sync_status).map(
      ({ bytes_sent }) => bytes_sent,
    )
    return sent.length === 3 && sent.every((bytes) => bytes > 4 * MIB) ? true : null
  })
  recording.remember('stopped', large, 'large', ['run', drive, main, one])
}

/** What the API writes before it turns to Temporal: the process died in between. */
export async function oweStart(recording: Recording, db: Db): Promise<void> {
  const { backupRoot } = recording.installed
  const archive = await recording.writeArchive('acme/acme_2026-11-05.dump', SMALL)
  const id = 'owed'
  recording.runs.owed = id
  await db.transaction().execute(async (trx) => {
    const workflow_id = `cloud-sync/acme/${id}`
    await recordRunToStart(trx, { id, instance_slug: 'acme', archive, workflow_id, backup_root: backupRoot })
    const details = { archive }
    await appendAudit(trx, {
      actor: 'token',
      event: 'run_recorded',
      instance_slug: 'acme',
      run_id: id,
      details,
    })
  })
}
