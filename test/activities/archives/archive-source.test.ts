import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { appendFile, mkdtemp, open, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { openArchiveSource } from '../../../activities/archives/archive-source.ts'
import { createDropboxContentHash } from '../../../activities/archives/hashes/dropbox-content-hash.ts'
import { createQuickXorHash } from '../../../activities/archives/hashes/quickxorhash.ts'
import type { HashAlgorithm } from '../../../workflows/types.ts'

const MIB = 1024 * 1024
const never = new AbortController().signal

function hashOf(algorithm: HashAlgorithm, bytes: Uint8Array): string {
  if (algorithm === 'md5' || algorithm === 'sha256') return createHash(algorithm).update(bytes).digest('hex')
  const hash = algorithm === 'quickxorhash' ? createQuickXorHash() : createDropboxContentHash()
  hash.update(bytes)
  return hash.digest()
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) {
    assert.ok(piece.byteLength > 0 && piece.byteLength <= MIB)
    all.push(Buffer.from(piece))
  }
  return Buffer.concat(all)
}

describe('the archive while it is sent', () => {
  let folder: string
  const content = randomBytes(9 * MIB + 12_345)
  let files = 0
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-archives-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  async function anArchive(bytes: Uint8Array = content) {
    files += 1
    const path = join(folder, `${files}.dump`)
    await writeFile(path, bytes)
    const { size, mtimeNs } = await stat(path, { bigint: true })
    return { path, name: `${files}.dump`, size: Number(size), mtime_ns: String(mtimeNs) }
  }

  for (const algorithm of ['md5', 'sha256', 'quickxorhash', 'dropbox_content_hash'] as const) {
    it(`is read in small pieces and hashed once by ${algorithm}, whatever is sent again and where it goes on`, async () => {
      const archive = await anArchive()
      const expected = hashOf(algorithm, content)
      const position = fc.integer({ min: 0, max: content.byteLength })
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(position, position, fc.boolean()), { maxLength: 4 }),
          async (moves) => {
            const source = await openArchiveSource(archive, algorithm)
            try {
              for (const [a, b, isPrepared] of moves) {
                const [start, end] = [Math.min(a, b), Math.max(a, b)]
                if (isPrepared) await source.prepare(start, never)
                assert.ok((await collect(source.read(start, end))).equals(content.subarray(start, end)))
              }
              assert.deepEqual(await source.digest(never), { algorithm, value: expected })
            } finally {
              await source.close()
            }
          },
        ),
        { numRuns: 12 },
      )
    })
  }

  it('gives the hash of another algorithm as well', async () => {
    const source = await openArchiveSource(await anArchive(), 'md5')
    const other = await source.digestBy('quickxorhash', never)
    assert.deepEqual(other, { algorithm: 'quickxorhash', value: hashOf('quickxorhash', content) })
    assert.equal((await source.digest(never)).value, hashOf('md5', content))
    await source.close()
  })

  it('stops hashing when it is told to', async () => {
    const source = await openArchiveSource(await anArchive(), 'md5')
    const reason = new Error('enough')
    await assert.rejects(source.digest(AbortSignal.abort(reason)), reason)
    await assert.rejects(source.prepare(5, AbortSignal.abort(reason)), reason)
    await source.close()
  })

  it('is not opened when it is not the file of the run any more', async () => {
    const archive = await anArchive()
    await assert.rejects(openArchiveSource({ ...archive, size: archive.size - 1 }, 'md5'), {
      code: 'archive_changed',
    })
    await assert.rejects(openArchiveSource({ ...archive, mtime_ns: '1' }, 'md5'), { code: 'archive_changed' })
    await rm(archive.path)
    await assert.rejects(openArchiveSource(archive, 'md5'), { code: 'archive_missing' })
  })

  type Change = (path: string) => Promise<void>
  const changes: readonly [string, 'archive_changed' | 'archive_missing', Change][] = [
    ['grows', 'archive_changed', (path) => appendFile(path, 'x')],
    ['is cut off', 'archive_changed', (path) => truncate(path, 5)],
    [
      'is written in place',
      'archive_changed',
      async (path) => {
        const file = await open(path, 'r+')
        await file.write('x', 0)
        await file.utimes(1, 1)
        await file.close()
      },
    ],
    ['gets another time', 'archive_changed', (path) => utimes(path, 1, 1)],
    [
      'is replaced by another of the same size and time',
      'archive_changed',
      async (path) => {
        const { atime, mtime, size } = await stat(path)
        await writeFile(`${path}.new`, randomBytes(size))
        await utimes(`${path}.new`, atime, mtime)
        await rename(`${path}.new`, path)
      },
    ],
    ['is removed', 'archive_missing', (path) => rm(path)],
  ]
  for (const [what, code, change] of changes) {
    it(`that ${what} while it is read fails before its last piece is handed out (docs/design.md, rule 1)`, async () => {
      const archive = await anArchive()
      const source = await openArchiveSource(archive, 'md5')
      let handedOut = 0
      const sending = (async () => {
        for await (const piece of source.read(0, archive.size)) {
          if (handedOut === 0) await change(archive.path)
          handedOut += piece.byteLength
        }
      })()
      await assert.rejects(sending, { name: 'StepError', code })
      assert.ok(handedOut < archive.size)
      await assert.rejects(source.digest(never), { code })
      await source.close()
    })
  }

  it('that changes fails also where its end was read before (parts sent side by side)', async () => {
    const archive = await anArchive()
    const source = await openArchiveSource(archive, 'dropbox_content_hash')
    await collect(source.read(8 * MIB, archive.size))
    await utimes(archive.path, 1, 1)
    await assert.rejects(collect(source.read(0, 4 * MIB)), { code: 'archive_changed' })
    await source.close()
  })

  it('may lose its other names: the link is the same file', async () => {
    const archive = await anArchive()
    const source = await openArchiveSource(archive, 'md5')
    await collect(source.read(0, MIB))
    await rename(archive.path, `${archive.path}.moved`)
    await rename(`${archive.path}.moved`, archive.path)
    assert.equal((await source.digest(never)).value, hashOf('md5', content))
    await source.close()
  })
})
