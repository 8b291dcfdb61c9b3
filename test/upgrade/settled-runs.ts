// Runs that have ended in every way that a run can end.

import type { FaultAction } from '../clouds/faults.ts'
import { HOST_QUEUE, hangs, LARGE, type Recording, SMALL, strike } from './recording.ts'
import type { Accounts } from './set-up.ts'

const FULL = {
  kind: 'status',
  status: 409,
  body: {
    error_summary: 'path/insufficient_space/.',
    error: { '.tag': 'path', reason: { '.tag': 'insufficient_space' } },
  },
} satisfies FaultAction

export async function settledRuns(recording: Recording, accounts: Accounts): Promise<void> {
  const { temporal, google, dropbox, onedrive } = recording.installed
  const { drive, dropbox: main, onedrive: one, branch } = accounts
  // Uploaded everywhere three times; old copies go at two accounts.
  for (const day of ['01', '02', '03']) {
    const archive = await recording.writeArchive(`acme/acme_2026-11-${day}.dump`, SMALL)
    const finished_at = new Date(Date.now() - 60_000).toISOString()
    const done = await recording.report(`uploaded-${day}`, { instance: 'acme', archive, finished_at })
    await recording.settled(done)
    if (day === '03') recording.remember('pruned', done, 'acme', ['run', drive, main])
  }
  const prod = { instance: 'globex', database: 'prod 17' }
  const dumped = await recording.report('database', {
    ...prod,
    archive: await recording.writeArchive('globex/globex.dump', SMALL),
  })
  await recording.settled(dumped)
  const none = await recording.report('none', {
    instance: 'umbrella',
    archive: await recording.writeArchive('umbrella/umbrella.zip', SMALL),
  })
  await recording.settled(none, 'none')
  recording.remember('none', none, 'umbrella', ['run'])

  // One destination fails: its copy differs twice.
  strike(onedrive, { kind: 'own', name: 'flip_bit' })
  const differs = await recording.report('one-failed', {
    instance: 'acme',
    archive: await recording.writeArchive('acme/acme_2026-11-04.zip', LARGE),
  })
  await recording.settled(differs, 'failed')
  recording.remember('hash-mismatch', differs, 'acme', ['run', one, 'pin'])
  onedrive.server.faults.clear()

  // All fail for want of room.
  strike(dropbox, FULL, 'upload')
  const full = await recording.report('failed', {
    instance: 'initech',
    archive: await recording.writeArchive('initech/initech_1.tar.gz', SMALL),
  })
  await recording.settled(full, 'failed')
  recording.remember('failed', full, 'initech', ['run', branch, 'pin'])
  dropbox.server.faults.clear()

  // The archive is not there: the API would say so at once, another client is told by the workflow.
  const gone = { instance: 'initech', run_id: 'archive-missing', archive: 'initech/gone.zip' }
  await temporal.workflow
    .execute('cloudSyncWorkflow', {
      workflowId: `cloud-sync/initech/${gone.run_id}`,
      taskQueue: 'cloud',
      args: [gone],
    })
    .catch(() => undefined)
  recording.runs['archive-missing'] = gone.run_id
  recording.remember('archive-missing', { id: gone.run_id }, 'initech', ['run'])

  // The listing lacks the new file: nothing is deleted.
  const before = await recording.report('before', {
    instance: 'initech',
    archive: await recording.writeArchive('initech/initech_2.zip', SMALL),
  })
  await recording.settled(before)
  strike(dropbox, { kind: 'own', name: 'stale_list', value: 1 }, 'list')
  const skipped = await recording.report('prune-skipped', {
    instance: 'initech',
    archive: await recording.writeArchive('initech/initech_3.zip', SMALL),
  })
  await recording.settled(skipped)
  dropbox.server.faults.clear()
  recording.remember('prune-skipped', skipped, 'initech', [branch])

  // A host's own queue.
  const hosted = await recording.report('host-queue', {
    instance: 'initech',
    archive: await recording.writeArchive('initech/initech_4.zip', SMALL),
    archive_task_queue: HOST_QUEUE,
  })
  await recording.settled(hosted)
  recording.remember('host-queue', hosted, 'initech', ['run', branch])

  // Cancelled as a whole, in the middle of an upload that was tried again before.
  strike(dropbox, { kind: 'status', status: 503 }, 'open', 1)
  strike(dropbox, { kind: 'stall_after', bytes: 1_000 }, 'chunk')
  const cancelled = await recording.report('cancelled', {
    instance: 'globex',
    database: 'prod 17',
    archive: await recording.writeArchive('globex/large.dump', LARGE),
  })
  await hangs(dropbox)
  await recording.post(`/api/runs/${cancelled.id}/cancel`)
  await recording.settled(cancelled, 'cancelled')
  recording.remember('cancelled', cancelled, 'globex', ['run', main])
  dropbox.server.faults.clear()

  // One child alone is cancelled, from outside.
  strike(google, { kind: 'stall_after', bytes: 1_000 }, 'chunk')
  const oneCancelled = await recording.report('child-cancelled', {
    instance: 'acme',
    archive: await recording.writeArchive('acme/large.dump', LARGE),
  })
  await hangs(google)
  await temporal.workflow.getHandle(`cloud-sync/acme/${oneCancelled.id}/${drive}`).cancel()
  await recording.settled(oneCancelled, 'cancelled')
  recording.remember('child-cancelled', oneCancelled, 'acme', ['run', drive])
  google.server.faults.clear()
}
