// Folders, team spaces, names, listings and deletion at Dropbox.

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { Provider, RemoteFile } from '../../../../activities/providers/provider.ts'
import { bytesOf, createBench, never, refused, uploadThrough } from './harness.ts'

const bench = await createBench()
const { cloudWith, client } = bench
after(bench.close)

async function listAll(provider: Provider, path: string): Promise<RemoteFile[]> {
  const folder = await provider.findFolder(path, never)
  assert.ok(folder)
  const files: RemoteFile[] = []
  for await (const page of provider.listFiles(folder, never)) files.push(...page)
  return files
}

describe('folders at Dropbox', () => {
  it('are null while missing, are made with their parents, and keep their ID whatever the case', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    assert.equal(await provider.findFolder('/odoo-backups/acme', never), null)
    const made = await provider.ensureFolder('/odoo-backups/acme', never)
    assert.equal(made.path, '/odoo-backups/acme')
    assert.equal((await provider.ensureFolder('/odoo-backups/acme', never)).id, made.id)
    assert.equal((await provider.findFolder('/Odoo-Backups/ACME', never))?.id, made.id)
    assert.notEqual(await provider.findFolder('/odoo-backups', never), null)
  })

  it('can be made by two at once, and after a lost answer', async () => {
    const cloud = await cloudWith()
    const folders = await Promise.all([1, 2, 3, 4].map(() => client(cloud).ensureFolder('/a/b/c', never)))
    assert.equal(new Set(folders.map((folder) => folder.id)).size, 1)
    cloud.server.faults.add({ operation: 'create_folder', action: { kind: 'lose_answer' } })
    const provider = client(cloud)
    assert.equal((await refused(provider.ensureFolder('/a/d', never))).code, 'network_unreachable')
    assert.equal((await provider.ensureFolder('/a/d', never)).path, '/a/d')
  })

  it('lie below the remote path of the account', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud, { settings: { remote_path: 'Apps/Sicherungen öffentlich/' } })
    const folder = await provider.ensureFolder('/odoo-backups/acme', never)
    assert.equal(folder.path, '/Apps/Sicherungen öffentlich/odoo-backups/acme')
    await uploadThrough(provider, '/odoo-backups/acme', 'x.zip', bytesOf(10))
    assert.equal(cloud.files('/apps/sicherungen öffentlich').length, 1)
  })

  it('may be the root itself', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    await uploadThrough(provider, '/', 'x.zip', bytesOf(10))
    assert.deepEqual(
      (await listAll(provider, '/')).map((file) => file.name),
      ['x.zip'],
    )
    assert.equal(cloud.files()[0]?.path, '/x.zip')
  })

  it('are refused where a file stands in their place', async () => {
    const cloud = await cloudWith()
    cloud.putFile('/odoo-backups', Buffer.from('a file'))
    const provider = client(cloud)
    assert.equal((await refused(provider.ensureFolder('/odoo-backups', never))).code, 'account_misconfigured')
    assert.equal(
      (await refused(provider.ensureFolder('/odoo-backups/acme', never))).code,
      'account_misconfigured',
    )
  })
})

describe('team spaces at Dropbox', () => {
  it("put files into the member's own folder unless a remote path says otherwise", async () => {
    const cloud = await cloudWith({ space: 'team' })
    await uploadThrough(client(cloud), '/odoo-backups/acme', 'x.zip', bytesOf(10))
    assert.deepEqual(
      cloud.files().map((file) => file.path),
      ['/Jane Doe/odoo-backups/acme/x.zip'],
    )
    const provider = client(cloud, { settings: { remote_path: '/Team Backups' } })
    await uploadThrough(provider, '/odoo-backups/acme', 'y.zip', bytesOf(9_000_000))
    assert.deepEqual(
      (await listAll(provider, '/odoo-backups/acme')).map((file) => file.name),
      ['y.zip'],
    )
    assert.equal(cloud.files('/Team Backups').length, 1)
    assert.equal((await client(cloud).check(never)).ok, true)
  })

  it('explain that the top of the space is closed', async () => {
    const cloud = await cloudWith({ space: 'team' })
    const check = await client(cloud, { settings: { remote_path: '/New at the top' } }).check(never)
    assert.equal(check.error?.code, 'permission_denied')
    assert.match(check.detail, /top of a team space/)
  })

  it('leave apps alone that see only their own folder', async () => {
    const cloud = await cloudWith({ space: 'team_app_folder' })
    const provider = client(cloud)
    await uploadThrough(provider, '/odoo-backups/acme', 'x.zip', bytesOf(9_000_000))
    await uploadThrough(provider, '/odoo-backups/acme', 'y.zip', bytesOf(10))
    assert.equal((await listAll(provider, '/odoo-backups/acme')).length, 2)
    assert.equal((await client(cloud).check(never)).ok, true)
  })
})

describe('names at Dropbox', () => {
  it('survive without loss', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const names = [
      'acme 2026-11-23 10:00:00.dump',
      'Überweisung – 日本語 – عربى.zip',
      '🚀 backup 👩‍👩‍👧.tar.gz',
      `${'x'.repeat(195)}.dump`,
      'quote\'s "and" <angle> | pipe? star*.zip',
      '100%.zip',
      '100%25.zip',
      'back\\slash.zip',
      'tab\tand\u007fdel.zip',
      'desktop.ini',
      '~$lock.zip',
      'space at the end ',
      'dot at the end.',
    ]
    for (const name of names) {
      const log = await uploadThrough(provider, '/n', name, bytesOf(1 + names.indexOf(name)))
      assert.equal(decodeURIComponent(provider.remoteName(name).replaceAll(/%(?![0-9A-F]{2})/g, '%25')), name)
      assert.equal(log.file.name, provider.remoteName(name))
    }
    const listed = await listAll(provider, '/n')
    assert.deepEqual(
      new Set(listed.map((file) => file.name)),
      new Set(names.map((name) => provider.remoteName(name))),
    )
    for (const kept of names.slice(0, 6)) assert.equal(provider.remoteName(kept), kept)
    assert.equal(provider.remoteName('back\\slash.zip'), 'back%5Cslash.zip')
    assert.equal(provider.remoteName('100%25.zip'), '100%2525.zip')
    assert.equal(provider.remoteName('desktop.ini'), '%64esktop.ini')
  })

  it('are refused where they cannot be stored', async () => {
    const provider = client(await cloudWith())
    for (const name of ['', `${'x'.repeat(252)}.zip`, 'lone \ud800 surrogate.zip']) {
      assert.throws(() => provider.remoteName(name), { code: 'name_refused' })
    }
  })

  it('are found whatever their case, one at most', async () => {
    const cloud = await cloudWith()
    cloud.putFile('/b/Acme.DUMP', Buffer.from('1'))
    cloud.putFile('/b/folder.zip/inside.txt', Buffer.from('1'))
    const provider = client(cloud)
    const folder = await provider.ensureFolder('/b', never)
    assert.deepEqual(
      (await provider.findFiles(folder, 'acme.dump', never)).map((file) => file.name),
      ['Acme.DUMP'],
    )
    assert.deepEqual(await provider.findFiles(folder, 'other.dump', never), [])
    assert.deepEqual(await provider.findFiles(folder, 'folder.zip', never), [])
  })
})

describe('listings of Dropbox', () => {
  it('hold every file directly in the folder, over all pages', async () => {
    const cloud = await cloudWith({ pageSize: 2 })
    for (let index = 0; index < 9; index += 1) {
      cloud.putFile(`/b/file ${index}.zip`, Buffer.alloc(index + 1), `2026-11-0${index + 1}T10:00:00.000Z`)
    }
    cloud.putFile('/b/below/deep.zip', Buffer.alloc(1))
    const provider = client(cloud)
    const files = await listAll(provider, '/b')
    assert.equal(files.length, 9)
    const one = files.find((file) => file.name === 'file 3.zip')
    const stored = cloud.files('/b').find((file) => file.path.endsWith('file 3.zip'))
    assert.deepEqual(one, {
      id: stored?.id,
      name: 'file 3.zip',
      size: 4,
      hashes: stored?.hashes,
      uploaded_at: '2026-11-04T10:00:00.000Z',
      revision: one?.revision,
    })
    assert.ok(one?.revision)
    assert.ok(cloud.server.requests.filter((request) => request.operation === 'list_continue').length >= 4)
  })

  it('start over once when the cursor is reset, and fail when it is reset again', async () => {
    const cloud = await cloudWith({ pageSize: 2 })
    for (let index = 0; index < 7; index += 1) cloud.putFile(`/b/${index}.zip`, Buffer.alloc(1))
    const reset = { kind: 'own', name: 'cursor_reset' } as const
    cloud.server.faults.add({ operation: 'list_continue', after: 1, action: reset })
    const files = await listAll(client(cloud), '/b')
    assert.equal(new Set(files.map((file) => file.id)).size, 7)
    assert.equal(files.length, 7)
    cloud.server.faults.add({ operation: 'list_continue', times: 2, action: reset })
    assert.equal((await refused(listAll(client(cloud), '/b'))).code, 'listing_incomplete')
  })

  it('fail as a whole when any page fails', async () => {
    const cloud = await cloudWith({ pageSize: 2 })
    for (let index = 0; index < 7; index += 1) cloud.putFile(`/b/${index}.zip`, Buffer.alloc(1))
    const actions = [
      { kind: 'refuse' },
      { kind: 'status', status: 500 },
      { kind: 'truncate_answer' },
    ] as const
    const codes: string[] = []
    for (const action of actions) {
      cloud.server.faults.add({ operation: 'list_continue', after: 1, action })
      codes.push((await refused(listAll(client(cloud), '/b'))).code)
      cloud.server.faults.clear()
    }
    assert.deepEqual(codes, ['network_unreachable', 'provider_unavailable', 'unexpected_answer'])
  })

  it('pass over kinds of entries that are not known, but never over a file that cannot be read', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    await provider.ensureFolder('/b', never)
    const answer = (entry: Record<string, unknown>) => {
      const body = { entries: [entry], cursor: 'c', has_more: false }
      cloud.server.faults.add({ operation: 'list', action: { kind: 'status', status: 200, body } })
      return listAll(provider, '/b')
    }
    assert.deepEqual(await answer({ '.tag': 'symlink', name: 'x' }), [])
    const unreadable = answer({ '.tag': 'file', id: 'id:1', name: 'x.zip', size: 'many', rev: '1' })
    assert.equal((await refused(unreadable)).code, 'unexpected_answer')
  })

  it('of a folder that has gone are an error and not empty', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const pages = provider.listFiles({ id: 'id:x', path: '/gone' }, never)
    assert.equal((await refused(pages[Symbol.asyncIterator]().next())).code, 'folder_missing')
  })
})

describe('deletion at Dropbox', () => {
  it('removes exactly the revision that was planned', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const log = await uploadThrough(provider, '/b', 'x.zip', bytesOf(10))
    const { id, revision } = log.file
    assert.deepEqual(await provider.getFile(id, never), log.file)
    cloud.putFile('/b/x.zip', Buffer.from('changed by somebody'))
    assert.equal((await refused(provider.deleteFile({ id, revision }, never))).code, 'file_changed')
    const changed = await provider.getFile(id, never)
    assert.ok(changed)
    assert.equal(await provider.deleteFile(changed, never), 'deleted')
    assert.equal(await provider.deleteFile(changed, never), 'already_gone')
    assert.equal(await provider.getFile(id, never), null)
    assert.equal(cloud.files().length, 0)
  })

  it('counts as done when its answer was lost', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const { file } = await uploadThrough(provider, '/b', 'x.zip', bytesOf(10))
    cloud.server.faults.add({ operation: 'delete', action: { kind: 'lose_answer' } })
    assert.equal((await refused(provider.deleteFile(file, never))).code, 'network_unreachable')
    assert.equal(await provider.deleteFile(file, never), 'already_gone')
  })

  it('states a file without a hash as one without a hash', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const { file } = await uploadThrough(provider, '/b', 'x.zip', bytesOf(10))
    cloud.server.faults.add({ operation: 'metadata', action: { kind: 'own', name: 'omit_hash' } })
    assert.deepEqual((await provider.getFile(file.id, never))?.hashes, [])
  })
})
