import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  archiveQueues,
  bindingWorkflowId,
  INSTANCE_SLUG,
  pinWorkflowId,
  RUN_ID,
  runIdOf,
  runWorkflowId,
  shortRunId,
} from '../../workflows/workflow-ids.ts'

describe('workflow IDs', () => {
  it('workflow IDs have the form of the contract', () => {
    assert.equal(runWorkflowId('acme', 'r1'), 'cloud-sync/acme/r1')
    assert.equal(bindingWorkflowId('acme', 'r1', 'a1'), 'cloud-sync/acme/r1/a1')
  })

  it('workflow IDs give their run ID back, and only to the instance that they name', () => {
    for (const runId of ['r1', '2026-11-23T02:10:00+01:00', 'a@b', 'x'.repeat(128)])
      assert.equal(runIdOf(runWorkflowId('acme', runId), 'acme'), runId)
    assert.equal(runIdOf('cloud-sync/acme/r1', 'other'), null)
    for (const id of [
      'cloud-sync/acme/r1/a1',
      'cloud-sync/acme/',
      'cloud-sync/acme',
      'x/acme/r1',
      '',
      'cloud-sync/acme/..',
    ])
      assert.equal(runIdOf(id, 'acme'), null, id)
    assert.equal(runIdOf(pinWorkflowId('acme', 'r1'), 'acme'), null)
  })

  it('workflow IDs can hold every slug and run ID, which are safe as folder names too', () => {
    for (const slug of ['a', 'acme-prod_2', '0', 'x'.repeat(64)]) assert.match(slug, INSTANCE_SLUG)
    for (const slug of ['', '-a', 'Acme', 'a.b', 'a/b', 'x'.repeat(65), 'a\n', 'ä'])
      assert.doesNotMatch(slug, INSTANCE_SLUG)
    for (const runId of ['', '.', '..', '.x', 'a/b', 'a\\b', 'a b', 'a\n', '-a', 'x'.repeat(129), 'ä'])
      assert.doesNotMatch(runId, RUN_ID)
  })
})

describe('the short ID of a run', () => {
  it('the short ID of a run is the beginning of a UUID, a short ID as it is, or a hash of a long one', () => {
    assert.equal(shortRunId('0198F0A2-7c1e-7b3d-9f00-1A2B3C4D5E6F'), '0198f0a2')
    assert.notEqual(
      shortRunId('20261123-acme-production-daily'),
      shortRunId('20261124-acme-production-daily'),
    )
    assert.match(shortRunId('20261123-acme-production-daily'), /^[0-9a-f]{8}$/)
    assert.equal(shortRunId('a:b'), 'a-b')
    assert.equal(shortRunId('7'), '7')
  })
})

describe('the queues of a run', () => {
  it('a run has the shared queues unless it names one of its own', () => {
    const shared = { archive: 'cloud-archives', uploads: 'cloud-uploads' }
    for (const named of [undefined, null, '', 'cloud', 'cloud-uploads', 'cloud-archives'])
      assert.deepEqual(archiveQueues('cloud', named), shared)
  })

  it('a run of a host has the queue that it names for uploads and one beside it for short work', () => {
    assert.deepEqual(archiveQueues('cloud', 'cloud-host7'), {
      archive: 'cloud-host7-archives',
      uploads: 'cloud-host7',
    })
  })
})
