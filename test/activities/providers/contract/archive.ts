// An archive that changes under the upload must never become a file at the destination.

import assert from 'node:assert/strict'
import { appendFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import type { ErrorCode } from '../../../../workflows/errors.ts'
import { randomBytesOf } from './bench.ts'
import type { Suite } from './suite.ts'

const CHANGES: readonly [what: string, change: (path: string, size: number) => void, code: ErrorCode][] = [
  ['grows', (path) => appendFileSync(path, 'more'), 'archive_changed'],
  ['is written over in place', (path) => writeFileSync(path, 'other', { flag: 'r+' }), 'archive_changed'],
  ['is truncated', (path, size) => truncateSync(path, Math.floor(size / 2)), 'archive_changed'],
  ['is touched', (path) => utimesSync(path, 1, 1), 'archive_changed'],
  ['is removed', (path) => rmSync(path), 'archive_missing'],
  [
    'is replaced by another file of its size',
    (path, size) => {
      writeFileSync(`${path}.new`, randomBytesOf(size, 4711))
      renameSync(`${path}.new`, path)
    },
    'archive_changed',
  ],
]

export function describeArchiveChanges({ traits, scenario }: Suite): void {
  for (const [what, change, code] of CHANGES) {
    scenario(
      `an archive that ${what} while it is uploaded fails at once and is not committed`,
      async (bench) => {
        const archive = await bench.newArchive(traits.many.size)
        let isChanged = false
        const upload = bench.upload({
          archive,
          onSent: () => {
            if (!isChanged) change(archive.path, archive.size)
            isChanged = true
          },
        })
        await assert.rejects(upload, { code })
        assert.ok(isChanged)
        assert.ok(bench.figures().arrived < archive.size, 'the rest is not sent')
        assert.deepEqual(bench.cloud.files(bench.folder), [])
      },
    )
  }
}
