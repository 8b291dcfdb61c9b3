import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RemoteFile } from '../../../../activities/providers/provider.ts'
import {
  bytesOf,
  failsWith,
  hashOf,
  pagesOf,
  signal,
  sourceOf,
  startBench,
  targetFor,
  UNIT,
  uploadThrough,
} from './harness.ts'

describe('Folders, listings and deletions on OneDrive', () => {
  it('makes missing folders once, also when two do it at once or an answer is lost', async () => {
    const { cloud, provider, another } = await startBench()
    assert.equal(await provider.findFolder('/odoo-backups/acme', signal), null)
    cloud.server.faults.add({ operation: 'folder', action: { kind: 'lose_answer' } })
    await assert.rejects(
      provider.ensureFolder('/odoo-backups/acme', signal),
      failsWith('network_unreachable'),
    )
    const folders = await Promise.all(
      [1, 2, 3].map(() => provider.ensureFolder('/odoo-backups/acme', signal)),
    )
    assert.equal(new Set(folders.map((folder) => folder.id)).size, 1)
    assert.equal(folders[0]?.path, '/odoo-backups/acme')
    const below = another({
      settings: { drive: { user: 'backup@contoso.example' }, remote_path: '/Odoo-Backups' },
    })
    assert.deepEqual(await below.findFolder('/acme', signal), {
      id: folders[0]?.id,
      path: '/Odoo-Backups/acme',
    })
    assert.equal((await provider.ensureFolder('/', signal)).path, '/')
  })

  it('says so where a file stands in the way of a folder', async () => {
    const { cloud, provider } = await startBench()
    cloud.putFile('/odoo-backups', Buffer.from('x'))
    await assert.rejects(
      provider.ensureFolder('/odoo-backups', signal),
      failsWith('account_misconfigured', /is a file/),
    )
  })

  it('reaches the same drive by user and by ID, and a site by ID, path and address', async () => {
    const { cloud, another } = await startBench()
    const drives = [cloud.settings, cloud.byDriveId, cloud.bySiteId, cloud.bySitePath]
    for (const [index, settings] of drives.entries()) {
      const provider = another({ settings: { drive: settings.drive as { user: string } } })
      await uploadThrough(provider, await targetFor(provider, `${index}.zip`, 10), sourceOf(bytesOf(10)))
    }
    const browser = another({
      settings: { drive: { site_id: 'https://contoso.sharepoint.com/sites/backups' } },
    })
    await uploadThrough(browser, await targetFor(browser, '4.zip', 10), sourceOf(bytesOf(10)))
    const names = (files: readonly { path: string }[]) =>
      files.map((file) => file.path.split('/').at(-1)).sort()
    assert.deepEqual(names(cloud.files()), ['0.zip', '1.zip'])
    assert.deepEqual(names(cloud.siteFiles()), ['2.zip', '3.zip', '4.zip'])
  })

  it('lists every file of the folder, page by page, and no folders', async () => {
    const { cloud, provider } = await startBench({ pageSize: 3 })
    for (let i = 0; i < 10; i += 1)
      cloud.putFile(`/odoo-backups/acme/${i}.zip`, bytesOf(10 + i), '2026-01-02T03:04:05Z')
    cloud.putFile('/odoo-backups/acme/old/9.zip', bytesOf(10))
    const folder = await provider.ensureFolder('/odoo-backups/acme', signal)
    cloud.server.faults.add({ operation: 'list', after: 1, action: { kind: 'own', name: 'empty_page' } })
    const pages = await pagesOf(provider, folder)
    const files: RemoteFile[] = pages.flat()
    assert.deepEqual(
      files.map((file) => file.name),
      Array.from({ length: 10 }, (_, i) => `${i}.zip`),
    )
    assert.ok(
      files.every((file) => file.uploaded_at === '2026-01-02T03:04:05.000Z' && file.revision !== null),
    )
    assert.ok(pages.length >= 4)
  })

  it('fails the whole listing when one page fails or leads elsewhere', async () => {
    const { cloud, provider } = await startBench({ pageSize: 2 })
    for (let i = 0; i < 5; i += 1) cloud.putFile(`/f/${i}.zip`, bytesOf(10))
    const folder = await provider.ensureFolder('/f', signal)
    cloud.server.faults.add({ operation: 'list', after: 1, action: { kind: 'status', status: 503 } })
    await assert.rejects(pagesOf(provider, folder), failsWith('provider_unavailable'))
    cloud.server.faults.add({ operation: 'list', after: 1, action: { kind: 'truncate_answer' } })
    await assert.rejects(pagesOf(provider, folder), failsWith('unexpected_answer'))
    cloud.server.faults.add({
      operation: 'list',
      action: { kind: 'own', name: 'foreign_next_link', value: 'graph.example.net' },
    })
    await assert.rejects(pagesOf(provider, folder), failsWith('insecure_redirect', /graph\.example\.net/))
    await assert.rejects(pagesOf(provider, { id: 'nothing', path: '/x' }), failsWith('folder_missing'))
  })

  it('gives no hash while the provider has none, and the hash afterwards', async () => {
    const { provider } = await startBench({ readsUntilHash: 2 })
    const { file } = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', 10),
      sourceOf(bytesOf(10)),
    )
    assert.deepEqual(file.hashes, [])
    assert.deepEqual((await provider.getFile(file.id, signal))?.hashes, [])
    assert.equal((await provider.getFile(file.id, signal))?.hashes.length, 1)
  })

  it('shows the hash of what really arrived', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'own', name: 'flip_bit' } })
    const bytes = bytesOf(3 * UNIT)
    const { file } = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.notEqual(file.hashes[0]?.value, hashOf(bytes))
  })

  it('finds files by name whatever their case, and none where there is none', async () => {
    const { cloud, provider } = await startBench()
    cloud.putFile("/f/It's 100% #1 (a) & b+c.zip", bytesOf(10))
    cloud.putFile('/f/folder.zip/x', bytesOf(10))
    const folder = await provider.ensureFolder('/f', signal)
    assert.equal((await provider.findFiles(folder, "it's 100% #1 (A) & b+c.zip", signal)).length, 1)
    assert.deepEqual(await provider.findFiles(folder, 'other.zip', signal), [])
    assert.deepEqual(await provider.findFiles(folder, 'folder.zip', signal), [])
    assert.equal(await provider.getFile('nothing', signal), null)
  })

  it('deletes exactly the listed revision, into the recycle bin', async () => {
    const { cloud, provider } = await startBench()
    for (const name of ['a', 'b', 'c', 'd']) cloud.putFile(`/f/${name}.zip`, bytesOf(10))
    const folder = await provider.ensureFolder('/f', signal)
    const files = (await pagesOf(provider, folder)).flat()
    const [a, b, c, d] = files
    assert.ok(a && b && c && d)
    assert.equal(await provider.deleteFile(a, signal), 'trashed')
    assert.equal(await provider.deleteFile(a, signal), 'already_gone')
    assert.equal(await provider.getFile(a.id, signal), null)
    cloud.overwrite('/f/b.zip', bytesOf(11))
    await assert.rejects(provider.deleteFile(b, signal), failsWith('file_changed'))
    cloud.item('/f/c.zip').isLocked = true
    await assert.rejects(provider.deleteFile(c, signal), failsWith('file_locked'))
    cloud.item('/f/d.zip').isHeld = true
    await assert.rejects(
      provider.deleteFile(d, signal),
      failsWith('permission_denied', /retention policy or hold/),
    )
    assert.deepEqual(
      cloud.recycleBin().map((file) => file.id),
      [a.id],
    )
    cloud.item('/f/c.zip').isLocked = false
    cloud.server.faults.add({ operation: 'delete', action: { kind: 'lose_answer' } })
    await assert.rejects(provider.deleteFile(c, signal), failsWith('network_unreachable'))
    assert.equal(await provider.deleteFile(c, signal), 'already_gone')
  })
})
