// Folders, names, listings and deletions on Google Drive (docs/providers.md, 1.5 and 1.6; docs/design.md, rule 4).

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RemoteFile, RemoteFolder } from '../../../../activities/providers/provider.ts'
import { FOLDER_TYPE } from '../../../clouds/google/drive-world.ts'
import {
  clientOf,
  type DriveSetup,
  refusedWith,
  signal,
  startDrive,
  targetIn,
  uploadThrough,
} from './harness.ts'

const own = (operation: string, name: string, value?: unknown, times = 1) => ({
  operation,
  times,
  action: { kind: 'own', name, value } as const,
})

async function listed({ drive }: DriveSetup, folder: RemoteFolder): Promise<RemoteFile[]> {
  const files: RemoteFile[] = []
  for await (const page of drive.listFiles(folder, signal)) files.push(...page)
  return files
}

function foldersNamed({ google }: DriveSetup, name: string): number {
  return [...google.world.items.values()].filter(
    (item) => item.name === name && item.mimeType === FOLDER_TYPE,
  ).length
}

describe('folders on Google Drive', () => {
  it('are made below the account folder, and found again', async () => {
    await using setup = await startDrive()
    const { drive, google } = setup
    assert.equal(await drive.findFolder('/odoo-backups/acme', signal), null)
    const made = await drive.ensureFolder('/odoo-backups/acme', signal)
    assert.equal(made.path, '/odoo-backups/acme')
    assert.deepEqual(await drive.ensureFolder('/odoo-backups/acme', signal), made)
    assert.deepEqual(await drive.findFolder('/odoo-backups/acme', signal), made)
    assert.deepEqual(await drive.findFolder('/', signal), { id: google.world.sharedFolderId, path: '/' })
    assert.equal(foldersNamed(setup, 'odoo-backups'), 1)
  })

  it('are made once when many ask at once in one process', async () => {
    await using setup = await startDrive()
    const ids = await Promise.all(Array.from({ length: 6 }, () => setup.drive.ensureFolder('/a/b', signal)))
    assert.equal(new Set(ids.map(({ id }) => id)).size, 1)
    assert.equal(foldersNamed(setup, 'b'), 1)
  })

  it('are the same for two processes, also when both have made one', async () => {
    await using setup = await startDrive()
    const { google, drive, http } = setup
    const other = clientOf(google, http)
    await Promise.all([drive.ensureFolder('/twin', signal), other.ensureFolder('/twin', signal)])
    const settled = await Promise.all([
      drive.ensureFolder('/twin', signal),
      other.ensureFolder('/twin', signal),
    ])
    assert.equal(settled[0]?.id, settled[1]?.id)
  })

  it('settle on the oldest of one name, whatever lies in the others', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const add = (createdTime: string) =>
      google.world.add({
        ...{
          id: google.world.newId(),
          name: 'acme',
          mimeType: FOLDER_TYPE,
          owner: google.person,
          createdTime,
        },
        ...{
          parents: [google.world.sharedFolderId],
          driveId: google.world.driveId,
          content: null,
          appProperties: {},
        },
      })
    add('2026-03-01T00:00:00.000Z')
    const oldest = add('2026-01-01T00:00:00.000Z')
    add('2026-02-01T00:00:00.000Z')
    assert.equal((await drive.ensureFolder('/acme', signal)).id, oldest.id)
  })

  it('are not made twice while the search does not show them yet', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    google.server.faults.add(own('list', 'stale_list', undefined, Infinity))
    const first = await drive.ensureFolder('/new', signal)
    assert.deepEqual(await drive.ensureFolder('/new', signal), first)
    assert.equal(foldersNamed(setup, 'new'), 1)
  })

  it('are found by their ID when the answer to the creation was lost', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    google.server.faults.add(own('list', 'stale_list', undefined, Infinity))
    google.server.faults.add({ operation: 'create', action: { kind: 'lose_answer' } })
    await refusedWith('network_unreachable', drive.ensureFolder('/new', signal))
    await drive.ensureFolder('/new', signal)
    assert.equal(foldersNamed(setup, 'new'), 1)
  })

  it('are made without an ID of our own where Drive takes none', async () => {
    await using setup = await startDrive({ takesIdsInSharedDrives: false })
    const made = await setup.drive.ensureFolder('/a/b', signal)
    assert.deepEqual(await setup.drive.findFolder('/a/b', signal), made)
  })

  it('are looked for again when the search was incomplete, and made when it stays so', async () => {
    await using setup = await startDrive()
    const made = await setup.drive.ensureFolder('/a', signal)
    setup.google.server.faults.add(own('list', 'incomplete_search'))
    assert.deepEqual(await setup.drive.ensureFolder('/a', signal), made)
    assert.equal(foldersNamed(setup, 'a'), 1)
    setup.google.server.faults.add(own('list', 'incomplete_search', undefined, Infinity))
    await setup.drive.ensureFolder('/b', signal)
    assert.equal(foldersNamed(setup, 'b'), 1)
  })

  it('say what is wrong with the account folder', async () => {
    await using setup = await startDrive()
    const { google, drive, http } = setup
    const { id: fileId } = google.putFile('/file.zip', Buffer.from('x'))
    const file = clientOf(google, http, { settings: { folder_id: fileId } })
    await refusedWith('account_misconfigured', file.ensureFolder('/a', signal))
    const absent = clientOf(google, http, { settings: { folder_id: 'doesnotexist' } })
    const error = await refusedWith('folder_missing', absent.findFolder('/a', signal))
    assert.match(error.message, new RegExp(google.serviceAccount))
    google.trashFolder()
    await refusedWith('folder_missing', drive.ensureFolder('/a', signal))
  })
})

describe('names on Google Drive', () => {
  const names = [
    'plain.dump',
    ' leading and trailing .zip ',
    "it's a \\ back'slash.zip",
    'Ünïcödé 备份 🗄️.tar.gz',
    'e\u0301 decomposed.zip',
    `${'🗄'.repeat(98)}.zip`,
    `${'n'.repeat(196)}.zip`,
    'a/b:c*d?"<>|.zip',
    '%41 #fragment &x=1.zip',
    '~$CON.zip',
  ]
  it('survive as they are', async () => {
    await using setup = await startDrive()
    const { drive } = setup
    const folder = await drive.ensureFolder("/O'Neil \\ 文件", signal)
    for (const name of names) {
      assert.equal(drive.remoteName(name), name)
      const { file } = await uploadThrough(drive, targetIn(folder, name, 1), Buffer.from('x'))
      assert.equal(file.name, name)
      assert.deepEqual(await drive.findFiles(folder, name, signal), [file])
    }
    assert.deepEqual((await listed(setup, folder)).map(({ name }) => name).toSorted(), names.toSorted())
  })

  it('differ by case, and may stand for several files, oldest first', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    google.putFile('/acme/A.zip', Buffer.from('1'), '2026-01-01T00:00:00Z')
    const newer = google.putFile('/acme/a.zip', Buffer.from('2'), '2026-03-01T00:00:00Z')
    const older = google.putFile('/acme/a.zip', Buffer.from('3'), '2026-02-01T00:00:00Z')
    const found = await drive.findFiles(folder, 'a.zip', signal)
    assert.deepEqual(
      found.map(({ id }) => id),
      [older.id, newer.id],
    )
  })

  it('that are no Unicode, or empty, are refused', async () => {
    await using setup = await startDrive()
    for (const name of ['', 'half \ud83d pair.zip']) {
      assert.throws(() => setup.drive.remoteName(name), { code: 'name_refused' })
    }
  })
})

describe('a listing of Google Drive', () => {
  for (const isDriveMember of [true, false]) {
    it(`has every file of every page (${isDriveMember ? 'member of the drive' : 'given the folder alone'})`, async () => {
      await using setup = await startDrive({ isDriveMember, pageSize: 3 })
      const { google, drive } = setup
      const paths = Array.from({ length: 10 }, (_, at) => `/acme/${at}.zip`)
      for (const path of paths) google.putFile(path, Buffer.from(path), '2026-02-01T12:00:00Z')
      google.putFile('/acme/deeper/no.zip', Buffer.from('no'))
      google.server.faults.add(own('list', 'empty_page'))
      const folder = await drive.findFolder('/acme', signal)
      assert.ok(folder)
      google.server.faults.add({ ...own('list', 'empty_page'), after: 1 })
      const files = await listed(setup, folder)
      assert.deepEqual(files.map(({ name }) => `/acme/${name}`).toSorted(), paths)
      assert.deepEqual([...new Set(files.map((file) => file.uploaded_at))], ['2026-02-01T12:00:00.000Z'])
    })
  }

  it('has no folders, documents or trashed files', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    google.putFile('/acme/sub/x.zip', Buffer.from('x'))
    const { id } = google.putFile('/acme/trashed.zip', Buffer.from('x'))
    const item = google.world.items.get(id)
    assert.ok(item)
    item.isTrashed = true
    google.world.add({
      ...{ id: google.world.newId(), name: 'doc.zip', mimeType: 'application/vnd.google-apps.document' },
      ...{ owner: google.person, createdTime: new Date().toISOString(), parents: [folder.id] },
      ...{ driveId: google.world.driveId, content: null, appProperties: {} },
    })
    assert.deepEqual(await listed(setup, folder), [])
    assert.equal(await drive.getFile(id, signal), null)
    assert.equal(await drive.getFile(folder.id, signal), null)
  })

  it('that failed on any page, or calls itself incomplete, is none', async () => {
    await using setup = await startDrive({ pageSize: 2 })
    const { google, drive } = setup
    for (let at = 0; at < 6; at += 1) google.putFile(`/acme/${at}.zip`, Buffer.from('x'))
    const folder = await drive.ensureFolder('/acme', signal)
    google.server.faults.add({ operation: 'list', after: 2, action: { kind: 'status', status: 500 } })
    await refusedWith('provider_unavailable', listed(setup, folder))
    google.server.faults.add({ operation: 'list', after: 1, action: { kind: 'truncate_answer' } })
    await refusedWith('unexpected_answer', listed(setup, folder))
    google.server.faults.add({ ...own('list', 'incomplete_search'), after: 1 })
    await refusedWith('listing_incomplete', listed(setup, folder))
    await refusedWith('folder_missing', listed(setup, { id: 'goneforever', path: '/x' }))
    assert.equal((await listed(setup, folder)).length, 6)
  })

  it('may lag behind: a new file is read by its ID', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const { file } = await uploadThrough(drive, targetIn(folder, 'new.zip', 3), Buffer.from('new'))
    google.server.faults.add(own('list', 'stale_list'))
    assert.deepEqual(await listed(setup, folder), [])
    assert.deepEqual(await drive.getFile(file.id, signal), file)
    assert.equal(await drive.getFile('nothing-of-that-id', signal), null)
  })
})

describe('a deletion on Google Drive', () => {
  async function withFile(options: Parameters<typeof startDrive>[0] = {}) {
    const setup = await startDrive(options)
    const stored = setup.google.putFile('/a.zip', Buffer.from('x'))
    const file = await setup.drive.getFile(stored.id, signal)
    assert.ok(file)
    return { setup, file }
  }

  it('is for good where the account may, and repeats as already gone', async () => {
    const { setup, file } = await withFile()
    await using _ = setup
    assert.equal(await setup.drive.deleteFile(file, signal), 'deleted')
    assert.equal(setup.google.world.items.has(file.id), false)
    assert.equal(await setup.drive.deleteFile(file, signal), 'already_gone')
  })

  it('goes to the trash where the account is Content manager', async () => {
    const { setup, file } = await withFile({ role: 'fileOrganizer' })
    await using _ = setup
    assert.equal(await setup.drive.deleteFile(file, signal), 'trashed')
    assert.equal(await setup.drive.deleteFile(file, signal), 'already_gone')
    assert.equal(await setup.drive.getFile(file.id, signal), null)
  })

  it('falls back to the trash when the deletion is refused in spite of the capabilities', async () => {
    const { setup, file } = await withFile()
    await using _ = setup
    setup.google.server.faults.add({ operation: 'delete', action: { kind: 'status', status: 403 } })
    assert.equal(await setup.drive.deleteFile(file, signal), 'trashed')
  })

  it('is refused to a Contributor, with what to do', async () => {
    const { setup, file } = await withFile({ role: 'writer' })
    await using _ = setup
    const error = await refusedWith('permission_denied', setup.drive.deleteFile(file, signal))
    assert.match(error.advice, /Content manager/)
  })

  it('leaves a file alone that has new content', async () => {
    const { setup, file } = await withFile()
    await using _ = setup
    assert.ok(file.revision)
    await refusedWith('file_changed', setup.drive.deleteFile({ id: file.id, revision: 'earlier' }, signal))
    assert.ok(setup.google.world.items.has(file.id))
    assert.equal(await setup.drive.deleteFile({ id: file.id, revision: null }, signal), 'deleted')
  })

  it('never takes a folder', async () => {
    await using setup = await startDrive()
    const folder = await setup.drive.ensureFolder('/acme', signal)
    await refusedWith('request_refused', setup.drive.deleteFile({ id: folder.id, revision: null }, signal))
  })

  it('is already done when only its answer was lost', async () => {
    const { setup, file } = await withFile()
    await using _ = setup
    setup.google.server.faults.add({ operation: 'delete', action: { kind: 'lose_answer' } })
    await refusedWith('network_unreachable', setup.drive.deleteFile(file, signal))
    assert.equal(await setup.drive.deleteFile(file, signal), 'already_gone')
  })
})
