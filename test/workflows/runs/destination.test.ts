import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  describeDestination,
  describeDestinations,
  formatBytes,
  pendingState,
} from '../../../workflows/runs/destination.ts'

const pending = pendingState({
  account_id: 'a1',
  binding_id: 'b1',
  account: 'Drive EU',
  provider: 'google_drive',
  folder: '/odoo-backups/acme',
  keep_last: 30,
  retention_scope: 'folder',
})

describe('the state of a destination', () => {
  it('a pending destination has every field of the contract', () => {
    assert.deepEqual(Object.keys(pending), [
      'account',
      'provider',
      'binding_id',
      'status',
      'error',
      'remote_path',
      'remote_id',
      'size',
      'bytes_sent',
      'hash',
      'attempt',
      'started_at',
      'finished_at',
      'retention',
    ])
    assert.equal(pending.status, 'pending')
  })

  it('a destination reads as one line of Markdown', () => {
    assert.equal(describeDestination(pending), '… **Drive EU** (google_drive): pending')
    assert.equal(
      describeDestination({ ...pending, status: 'uploading', size: 3 * 2 ** 30, bytes_sent: 2 ** 30 }),
      '↑ **Drive EU** (google_drive): uploading, 33 % of 3.00 GiB',
    )
    const uploaded = {
      ...pending,
      status: 'uploaded',
      size: 1536,
      remote_path: '/odoo-backups/acme/x.dump',
    } as const
    const retention = { keep_last: 1, deleted: ['a', 'b'], kept: 1, skipped: null, error: null }
    assert.equal(
      describeDestination({ ...uploaded, retention }),
      '✓ **Drive EU** (google_drive): uploaded, 1.50 KiB, `/odoo-backups/acme/x.dump`, 2 old deleted',
    )
    const error = { code: 'storage_quota_exceeded', message: 'No space left.', retryable: false }
    assert.match(
      describeDestination({ ...pending, status: 'failed', error }),
      /^✗ .*: failed, No space left\.$/,
    )
  })

  it('a destination never shows more than 100 %, whatever was sent twice', () => {
    assert.match(
      describeDestination({ ...pending, status: 'retrying', size: 10, bytes_sent: 25 }),
      /100 % of 10 B/,
    )
  })

  it('a list has one line per destination, or says that there is none', () => {
    assert.equal(describeDestinations({ a1: pending, a2: pending }).split('\n').length, 2)
    assert.equal(describeDestinations({}), 'No destination is bound to this instance.')
  })
})

describe('sizes', () => {
  it('sizes are written in IEC units with three significant digits', () => {
    const cases: readonly [number, string][] = [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1.00 KiB'],
      [10_239, '10.0 KiB'],
      [1_048_575, '1.00 MiB'],
      [150 * 2 ** 30, '150 GiB'],
      [2 ** 50, '1024 TiB'],
    ]
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
  })

  it('sizes never have four digits before the point below 1024 TiB', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: 1000 * 2 ** 40 }), (bytes) => {
        assert.match(formatBytes(bytes), /^(\d\.\d\d|\d\d\.\d|\d{3}|10[0-1]\d|102[0-3]) [KMGT]iB$/)
      }),
    )
  })
})
