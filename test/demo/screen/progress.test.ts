import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ApiState } from '../api.ts'
import { stateOf } from '../state.ts'
import { createNews, progressLines } from './progress.ts'

const MiB = 1024 ** 2
const backup = (...destinations: ApiState[]) => ({
  instance: 'globex',
  archive: 'prod_11-23.tar.gz',
  size: 40 * MiB,
  destinations,
})

describe('progress on a terminal', () => {
  it('is one line a destination, never wider than the window', () => {
    const error = { code: 'storage_quota_exceeded', message: 'x'.repeat(20), retryable: false }
    const states = [
      stateOf({ status: 'uploading', bytes_sent: 13 * MiB }),
      stateOf({ account: 'Google Drive', status: 'uploaded', bytes_sent: 40 * MiB }),
      stateOf({ account: 'OneDrive', status: 'retrying', bytes_sent: MiB, error }),
      stateOf({ status: 'failed', error }),
    ]
    for (let width = 60; width < 240; width += 1) {
      const lines = progressLines([backup(...states)], width)
      assert.equal(lines.length, 5)
      for (const line of lines) assert.ok([...line].length <= width, `${line} at ${width}`)
    }
  })

  it('fills the bar with what was sent, and only then all of it', () => {
    const barAt = (bytes: number) =>
      progressLines([backup(stateOf({ status: 'uploading', bytes_sent: bytes }))], 100)[1] ?? ''
    assert.match(barAt(0), /^ {2}↑ Dropbox ░+ +0 % /)
    assert.match(barAt(20 * MiB), /^ {2}↑ Dropbox (█+)[▏▎▍▌▋▊▉]?░+ +50 % .*20\.0 MiB sent$/)
    assert.match(barAt(40 * MiB - 1), /▉ +99 % /)
    assert.match(barAt(40 * MiB), /^[^░]+ +100 % .*being verified$/)
  })

  it('says what retention did, what is tried again and why something failed', () => {
    const wordsOf = (state: ApiState) => progressLines([backup(state)], 120)[1]?.replace(/^.*% {2}/, '')
    const retention = { keep_last: 3, deleted: ['a.zip', 'b.zip'], kept: 3, skipped: null, error: null }
    assert.equal(wordsOf(stateOf({ status: 'uploaded', retention })), 'verified; 2 deleted, 3 kept')
    assert.equal(
      wordsOf(stateOf({ status: 'uploaded', retention: { ...retention, skipped: 'would_delete_all' } })),
      'verified; not pruned: would delete all',
    )
    const error = { code: 'network_unreachable', message: 'No route.', retryable: true }
    assert.equal(wordsOf(stateOf({ status: 'retrying', error })), 'tries again: network unreachable')
    assert.equal(wordsOf(stateOf({ status: 'failed', error })), 'failed: No route.')
    const busy = { code: 'account_busy', message: 'Others first.', retryable: true }
    assert.equal(wordsOf(stateOf({ status: 'pending', error: busy })), 'waits for its turn')
  })
})

describe('progress by lines', () => {
  it('tells each change of state and each quarter once', () => {
    const news = createNews()
    const at = (state: ApiState) => news([backup(state)]).map((line) => line.replace(/^.*: /, ''))
    assert.deepEqual(at(stateOf({ status: 'pending' })), [])
    assert.deepEqual(at(stateOf({ status: 'uploading', bytes_sent: 0 })), ['0 %'])
    assert.deepEqual(at(stateOf({ status: 'uploading', bytes_sent: 9 * MiB })), [])
    assert.deepEqual(at(stateOf({ status: 'uploading', bytes_sent: 21 * MiB })), ['50 %'])
    assert.deepEqual(at(stateOf({ status: 'uploading', bytes_sent: 22 * MiB })), [])
    assert.deepEqual(at(stateOf({ status: 'uploaded', bytes_sent: 40 * MiB })), ['whole, verified'])
    assert.deepEqual(at(stateOf({ status: 'uploaded', bytes_sent: 40 * MiB })), [])
  })

  it('names instance, archive and destination', () => {
    const [line] = createNews()([backup(stateOf({ status: 'uploading' }))])
    assert.equal(line, '↑ globex/prod_11-23.tar.gz → Dropbox: 0 %')
  })
})
