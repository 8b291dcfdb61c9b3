import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StoredFile } from '../../clouds/cloud-double.ts'
import type { ApiRun, ApiState } from '../api.ts'
import { BYSTANDER, type DemoInstance, INSTANCES, namesInTheEnd, olderCopies } from '../scenario.ts'
import { tableLines } from '../screen/table.ts'
import { stateOf } from '../state.ts'
import { type FinishedBackup, judge, OUTCOME_COLUMNS, type SeenCloud } from './outcome.ts'

const NOW = new Date('2026-11-23T02:10:00Z')
const INSTANCE: DemoInstance = {
  slug: 'acme',
  name: 'Acme',
  bindings: [{ provider: 'dropbox', keepLast: 2, older: 3 }],
  backups: [{ kind: 'zip', bytes: 1000 }],
}
const HASHES = { md5: 'm', sha256: 's', dropbox_content_hash: 'd', quickxorhash: 'q' }

function file(name: string, hash: string, size = 1000): StoredFile {
  const hashes = [{ algorithm: 'dropbox_content_hash' as const, value: hash }]
  return {
    id: name,
    path: `/odoo-backups/acme/${name}`,
    size,
    hashes,
    uploaded_at: NOW.toISOString(),
    content: null,
  }
}

const GOOD_FILES = [file('prod_11-23.zip', 'd'), file('prod_11-22.zip', 'older'), file(BYSTANDER, 'text')]

function judgeWith(change: {
  files?: readonly StoredFile[]
  state?: Partial<ApiState>
  openSessions?: number
  error?: ApiRun['error']
}) {
  const state = stateOf({
    ...{ status: 'uploaded', size: 1000, hash: { algorithm: 'dropbox_content_hash', value: 'd' } },
    retention: { keep_last: 2, deleted: ['a', 'b'], kept: 2, skipped: null, error: null },
    ...change.state,
  })
  const backup: FinishedBackup = {
    ...{ instance: 'acme', archive: 'prod_11-23.zip', size: 1000, hashes: HASHES },
    run: {
      ...{ id: 'r', instance: 'acme', archive: 'acme/prod_11-23.zip', cloud_status: 'uploaded' },
      ...{
        cloud_sync_status: { a: state },
        error: change.error ?? null,
        sync_finished_at: NOW.toISOString(),
      },
    },
  }
  const cloud: SeenCloud = {
    kind: 'dropbox',
    files: () => change.files ?? GOOD_FILES,
    openSessions: () => change.openSessions ?? 0,
  }
  return judge([backup], [cloud], [INSTANCE], NOW)
}

describe('the outcome of the demo', () => {
  it('has no problem when every copy is whole and the right ones are kept', () => {
    const { rows, problems } = judgeWith({})
    assert.deepEqual(problems, [])
    assert.match(
      tableLines(OUTCOME_COLUMNS, rows, 100).at(-1) ?? '',
      /^acme +prod_11-23\.zip +Dropbox +uploaded +1000 B +equal +2 +2$/,
    )
  })

  const cases: readonly (readonly [string, Parameters<typeof judgeWith>[0], RegExp])[] = [
    ['a copy that is not there', { files: GOOD_FILES.slice(1) }, /is there 0 times/],
    [
      'a second copy under another name',
      { files: [...GOOD_FILES, file('prod_11-23_x.zip', 'd')] },
      /is there 2 times/,
    ],
    [
      'other bytes at the cloud',
      { files: [file('prod_11-23.zip', 'x'), ...GOOD_FILES.slice(1)] },
      /hash differs/,
    ],
    [
      'another size at the cloud',
      { files: [file('prod_11-23.zip', 'd', 9), ...GOOD_FILES.slice(1)] },
      /has 9 bytes/,
    ],
    ['another hash in the API', { state: { hash: { algorithm: 'md5', value: 'x' } } }, /hash differs/],
    ['a failed destination', { state: { status: 'failed' } }, /is failed/],
    ['old copies left over', { files: [...GOOD_FILES, file('prod_11-21.zip', 'old')] }, /holds .*prod_11-21/],
    [
      'too much deleted',
      { files: [file('prod_11-23.zip', 'd'), file(BYSTANDER, 't')] },
      /not prod_11-22\.zip, prod_11-23/,
    ],
    ['a file that is no archive deleted', { files: GOOD_FILES.slice(0, 2) }, /no archive/],
    ['an upload left half done', { openSessions: 1 }, /1 unfinished/],
    ['a run that failed as a whole', { error: { code: 'x', message: 'Gone.', retryable: false } }, /Gone\./],
  ]
  for (const [what, change, expected] of cases) {
    it(`names ${what}`, () => {
      assert.match(judgeWith(change).problems.join('\n'), expected)
    })
  }
})

describe('the scenario', () => {
  it('has six bindings in all, some that keep everything, and the three kinds of archives', () => {
    const bindings = INSTANCES.flatMap((instance) => instance.bindings)
    assert.equal(bindings.length, 6)
    assert.ok(bindings.some(({ keepLast }) => keepLast === null))
    const kinds = INSTANCES.flatMap(({ backups }) => backups.map(({ kind }) => kind))
    assert.deepEqual(kinds.toSorted(), ['dump', 'tar.gz', 'zip'])
  })

  it('lets retention delete something wherever keep_last is set, and never a copy of today', () => {
    for (const instance of INSTANCES) {
      for (const binding of instance.bindings) {
        const all = instance.backups.length + olderCopies(instance, binding, NOW).length
        const left = namesInTheEnd(instance, binding, NOW)
        assert.equal(left.length, binding.keepLast ?? all)
        if (binding.keepLast !== null) assert.ok(left.length < all)
        assert.equal(left.filter((name) => name.includes('_11-23.')).length, instance.backups.length)
      }
    }
  })
})
