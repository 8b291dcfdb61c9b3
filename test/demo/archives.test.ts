import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { readArchiveEntry } from '../../temporal-dev/cli/archive-entry.ts'
import { type ArchiveKind, checkArchive, writeArchive } from './archives/index.ts'
import { checkPgDump } from './archives/pg-dump.ts'
import { checkTar } from './archives/tar.ts'
import { checkZip } from './archives/zip.ts'

const BYTES = 2 * 1024 ** 2

describe('archives of the demo', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-archives-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const write = async (kind: ArchiveKind) => {
    const path = join(folder, kind, `prod.${kind}`)
    const size = await writeArchive({ kind, path, database: 'acme_prod', bytes: BYTES })
    return { path, size, content: await readFile(path) }
  }

  it('the zip holds what Odoo puts into one, and another reader unpacks it', async () => {
    const { path, content } = await write('zip')
    const names = await checkArchive('zip', path)
    assert.deepEqual(names.slice(0, 2), ['manifest.json', 'dump.sql'])
    assert.match(names[2] ?? '', /^filestore\/([0-9a-f]{2})\/\1[0-9a-f]{38}$/)
    const manifest = await readArchiveEntry(content, 'manifest.json')
    assert.equal(
      z.object({ db_name: z.string() }).parse(JSON.parse(manifest.toString())).db_name,
      'acme_prod',
    )
    assert.match((await readArchiveEntry(content, 'dump.sql')).toString(), /^COPY public\.res_partner /m)
  })

  it('the tar.gz holds the same beneath one folder, and another reader unpacks it', async () => {
    const { path, content } = await write('tar.gz')
    const names = await checkArchive('tar.gz', path)
    assert.ok(names.every((name) => name.startsWith('acme_prod/')))
    assert.match((await readArchiveEntry(content, 'manifest.json')).toString(), /"odoo_dump": "1"/)
  })

  it('the dump is a pg_dump archive in the custom format with the data of its tables', async () => {
    const { path, content } = await write('dump')
    assert.equal(content.toString('latin1', 0, 5), 'PGDMP')
    // Version 1.14.0, integers of 4 and offsets of 8 bytes, custom format.
    assert.deepEqual([...content.subarray(5, 11)], [1, 14, 0, 4, 8, 1])
    assert.deepEqual(await checkArchive('dump', path), ['res_partner', 'ir_attachment'])
  })

  it('has about the size that was asked for, no draft beside it, and is never the same twice', async () => {
    for (const kind of ['zip', 'dump', 'tar.gz'] as const) {
      const first = await write(kind)
      const second = await write(kind)
      assert.equal(first.size, first.content.byteLength)
      assert.ok(Math.abs(first.size - BYTES) < BYTES / 2, `${kind} has ${first.size} bytes`)
      assert.ok(!first.content.equals(second.content))
      assert.deepEqual(await readdir(join(folder, kind)), [`prod.${kind}`])
    }
  })

  it('a damaged or cut archive does not pass the check', async () => {
    const zip = (await write('zip')).content
    await assert.rejects(checkZip(zip.subarray(0, -1)), /no end/)
    zip[zip.byteLength >> 1] = (zip[zip.byteLength >> 1] ?? 0) ^ 1
    await assert.rejects(checkZip(zip), /damaged/)
    const dump = (await write('dump')).content
    await assert.rejects(checkPgDump(dump.subarray(0, -1)), /cut off/)
    await assert.rejects(checkPgDump(Buffer.concat([dump, dump])), /more than/)
    assert.throws(() => checkTar(Buffer.alloc(0)), /cut off/)
    assert.throws(() => checkTar(Buffer.alloc(1024, 1)), /damaged/)
  })
})
