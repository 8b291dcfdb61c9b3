// Where the copies of a binding lie, as the pages say it; and which of them go when the next one comes.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { filesOfNextUpload } from '../../../api/pages/bindings/form.ts'
import { remotePlace } from '../../../api/pages/bindings/remote-place.ts'
import { planPrune } from '../../../workflows/retention/plan-prune.ts'

const OF = { remote_path: '/odoo-backups/{instance_slug}/', instance_slug: 'acme', database: null }

describe('the place of a binding', () => {
  it('the place of a binding begins with the path of the account', () => {
    const place = remotePlace(
      { name: 'Box', provider: 'dropbox', settings: { remote_path: '/backups/' } },
      OF,
    )
    assert.equal(place.path, '/backups/odoo-backups/acme/')
    assert.equal(place.isNested, false)
  })

  it('the place of a binding names the folder or drive that it begins in', () => {
    const drive = remotePlace(
      { name: 'Drive', provider: 'google_drive', settings: { folder_id: '1AbC' } },
      OF,
    )
    assert.deepEqual([drive.path, drive.of?.rootId], ['/odoo-backups/acme/', '1AbC'])
    const settings = { drive: { user: 'backup@example.com' } }
    const one = remotePlace({ name: 'One', provider: 'onedrive', settings }, OF)
    assert.equal(`${one.of?.root} ${one.of?.rootId}`, 'in the OneDrive of backup@example.com')
  })

  it('the place of a binding is nested when the usual folder comes twice', () => {
    const nested = (remote_path: string, binding: string) =>
      remotePlace(
        { name: 'Box', provider: 'dropbox', settings: { remote_path } },
        { ...OF, remote_path: binding },
      ).isNested
    assert.equal(nested('/odoo-backups', '/odoo-backups/{instance_slug}/'), true)
    assert.equal(nested('/company/Odoo-Backups/', '/odoo-backups/x'), true)
    assert.equal(nested('/odoo-backups', '/{instance_slug}/'), false)
    assert.equal(nested('/', '/odoo-backups/{instance_slug}/'), false)
  })

  it('an empty path of a binding is the root', () => {
    const place = remotePlace({ name: 'Box', provider: 'dropbox', settings: {} }, { ...OF, remote_path: '/' })
    assert.equal(place.path, '/')
  })
})

describe('the files that go with the next upload', () => {
  const file = (day: number) => ({
    id: `f${day}`,
    name: `${day}.dump`,
    size: 1,
    uploaded_at: `2026-11-0${day}T00:00:00Z`,
    revision: null,
  })
  const listing = [1, 2, 3, 4].map(file)

  for (const keepLast of [1, 2, 3, 4, 5]) {
    it(`the preview of the next upload has the files of its own plan, with keep last ${keepLast}`, () => {
      const now = planPrune(listing, keepLast, null)
      const then = planPrune([...listing, file(5)], keepLast, 'f5')
      const going = filesOfNextUpload(now.keep, keepLast)
      assert.deepEqual(
        new Set([...now.delete, ...going].map(({ id }) => id)),
        new Set(then.delete.map(({ id }) => id)),
      )
    })
  }
})
