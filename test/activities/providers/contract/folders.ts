// Folders made by two at once, listings of many files, and deletion of exactly one revision of one file.

import assert from 'node:assert/strict'
import type { Provider, RemoteFile } from '../../../../activities/providers/provider.ts'
import { never } from './bench.ts'
import type { Suite } from './suite.ts'

const MANY = 10_000
const PAGE = 1_000

export function describeFolders({ traits, scenario }: Suite): void {
  scenario('two runs that make the same folder at once settle on one', async (bench) => {
    for (let round = 0; round < 4; round += 1) {
      const path = `${bench.folder}/round-${round}/deeper/deepest`
      const providers = [bench.client(), bench.client(), bench.client()]
      const made = await Promise.all(providers.map((provider) => provider.ensureFolder(path, never)))
      const later = await bench.client().findFolder(path, never)
      assert.ok(later)
      for (const folder of made) assert.equal(folder.id, later.id)
    }
  })

  scenario('two uploads to a folder that neither has yet end in one folder', async (bench) => {
    const folder = `${bench.folder}/new`
    const archive = await bench.archive(traits.ways[0].size)
    const names = ['a.dump', 'b.dump', 'c.dump']
    await Promise.all(names.map((name) => bench.upload({ archive, folder, names: [name] })))
    const provider = bench.client()
    const listed = await listAll(provider, folder)
    assert.deepEqual(listed.map((file) => file.name).toSorted(), names)
  })

  scenario('a folder that is not there is found missing and not made', async (bench) => {
    const provider = bench.client()
    assert.equal(await provider.findFolder(`${bench.folder}/missing`, never), null)
    assert.equal(await provider.findFolder(`${bench.folder}/missing`, never), null)
  })

  scenario(`a folder of ${MANY} files is listed whole, page by page`, async (bench) => {
    const cloud = await bench.startCloud({ pageSize: PAGE })
    cloud.putMany(
      '/many',
      Array.from({ length: MANY }, (_, index) => `${index}.dump`),
    )
    const provider = bench.client({ cloud })
    const folder = await provider.findFolder('/many', never)
    assert.ok(folder)
    const names = new Set<string>()
    let pages = 0
    for await (const page of provider.listFiles(folder, never)) {
      pages += 1
      for (const file of page) names.add(file.name)
    }
    assert.equal(names.size, MANY)
    assert.ok(pages >= MANY / traits.mostListed)
  })

  scenario('a listing rejects when any of its pages fails', async (bench) => {
    const cloud = await bench.startCloud({ pageSize: 2 })
    for (let file = 0; file < 9; file += 1) cloud.putFile(`/few/${file}.dump`, Buffer.from('x'))
    const provider = bench.client({ cloud })
    assert.equal((await listAll(provider, '/few')).length, 9)
    const { list, nextPage } = traits.operations
    const actions = [
      { kind: 'status', status: 500 },
      { kind: 'status', status: 429 },
      { kind: 'truncate_answer' },
      { kind: 'lose_answer' },
    ] as const
    for (const action of actions) {
      for (const at of [
        { operation: nextPage, after: nextPage === list ? 2 : 1 },
        { operation: nextPage, after: nextPage === list ? 4 : 3 },
      ]) {
        cloud.server.faults.clear()
        const struck = cloud.server.faults.add({ ...at, times: Number.POSITIVE_INFINITY, action })
        await assert.rejects(listAll(provider, '/few'), { name: 'ProviderError' })
        assert.ok(struck() > 0)
      }
    }
    cloud.server.faults.clear()
    assert.equal((await listAll(provider, '/few')).length, 9)
  })

  scenario('a listing tells name, size, hash and time, and no folders', async (bench) => {
    const at = '2026-03-04T05:06:07.000Z'
    const put = bench.cloud.putFile(`${bench.folder}/x.dump`, Buffer.from('some bytes'), at)
    bench.cloud.putFile(`${bench.folder}/below/y.dump`, Buffer.from('deeper'))
    const listed = await listAll(bench.client(), bench.folder)
    assert.deepEqual(
      listed.map(({ id, name, size, hashes, uploaded_at }) => ({
        ...{ id, name, size },
        hash: hashes[0]?.value,
        at: Date.parse(uploaded_at),
      })),
      [
        {
          ...{ id: put.id, name: 'x.dump', size: 10 },
          hash: put.hashes.find(({ algorithm }) => algorithm === listed[0]?.hashes[0]?.algorithm)?.value,
          at: Date.parse(at),
        },
      ],
    )
  })

  scenario('a deletion removes exactly the file, and one that is gone already is no error', async (bench) => {
    for (const name of ['old.dump', 'kept.dump']) {
      bench.cloud.putFile(`${bench.folder}/${name}`, Buffer.from(name))
    }
    const provider = bench.client()
    const old = (await listAll(provider, bench.folder)).find((file) => file.name === 'old.dump')
    assert.ok(old)
    assert.match(await provider.deleteFile(old, never), /^(deleted|trashed)$/)
    assert.equal(await provider.deleteFile(old, never), 'already_gone')
    assert.equal(await provider.getFile(old.id, never), null)
    assert.deepEqual(
      bench.cloud.files(bench.folder).map((file) => file.path),
      [`${bench.folder}/kept.dump`],
    )
  })

  scenario('a file that has changed since it was listed is not deleted', async (bench) => {
    const path = `${bench.folder}/x.dump`
    bench.cloud.putFile(path, Buffer.from('before'))
    const provider = bench.client()
    const [listed] = await listAll(provider, bench.folder)
    assert.ok(listed)
    bench.cloud.change(path, Buffer.from('afterwards'))
    await assert.rejects(provider.deleteFile(listed, never), { code: 'file_changed' })
    assert.equal(bench.cloud.files(bench.folder).length, 1)
    const [fresh] = await listAll(provider, bench.folder)
    assert.ok(fresh)
    assert.match(await provider.deleteFile(fresh, never), /^(deleted|trashed)$/)
  })
}

async function listAll(provider: Provider, path: string): Promise<RemoteFile[]> {
  const folder = await provider.findFolder(path, never)
  assert.ok(folder, `${path} is there`)
  const found: RemoteFile[] = []
  for await (const page of provider.listFiles(folder, never)) found.push(...page)
  return found
}
