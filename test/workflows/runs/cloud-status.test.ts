// The status of a run is that of its destinations.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cloudStatusOf } from '../../../workflows/runs/cloud-status.ts'
import { pendingState } from '../../../workflows/runs/destination.ts'
import type { DestinationState } from '../../../workflows/types.ts'

type Status = DestinationState['status']

function statusOf(...statuses: readonly Status[]) {
  const states = statuses.map((status, index) => {
    const destination = {
      account_id: `account-${index}`,
      binding_id: `binding-${index}`,
      account: 'Drive EU',
      provider: 'google_drive',
      folder: '/odoo-backups',
      keep_last: null,
      retention_scope: 'folder',
    } as const
    return [destination.account_id, { ...pendingState(destination), status }] as const
  })
  return cloudStatusOf(Object.fromEntries(states))
}

describe('the status of a run', () => {
  it('is the first of pending, failed, cancelled and uploaded that any destination has', () => {
    const order: readonly Status[] = ['pending', 'failed', 'cancelled', 'uploaded']
    for (const [index, first] of order.entries())
      for (const later of order.slice(index)) {
        assert.equal(statusOf(first, later), first, `${first} and ${later}`)
        assert.equal(statusOf(later, first), first, `${later} and ${first}`)
      }
  })

  it('is pending while a destination is uploading or retrying', () => {
    for (const open of ['uploading', 'retrying'] as const)
      for (const ended of ['failed', 'cancelled', 'uploaded'] as const)
        assert.equal(statusOf(ended, open), 'pending', `${ended} and ${open}`)
  })

  it('is none without a destination', () => {
    assert.equal(statusOf(), 'none')
  })
})
