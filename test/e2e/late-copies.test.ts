// An old backup that is uploaded again is the newest by its upload date. The copies of later backups stay all the same, and an
// instance counts as safe only while the copy of its newest backup is there.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { markFileDeleted } from '../../db/uploads/uploaded-files.ts'
import { getInstanceView } from '../../db/views/instances.ts'
import { ALL_CLOUDS } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

describe('an old backup that is uploaded once more', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
  })
  after(() => system.close())

  it('an old backup that is uploaded again pushes out no later copy, and the next backup restores the count', async () => {
    const { slug } = await system.bind({ keep_last: 1 })
    const sync = (day: string) =>
      system.sync({ instance: slug, archive: `${slug}/${day}.zip`, run_id: `${slug}-${day}` })
    for (const day of ['monday', 'tuesday', 'wednesday'])
      await system.writeArchive(`${slug}/${day}.zip`, randomBytes(1_000))
    const names = () =>
      system.clouds.map((cloud) =>
        cloud
          .files(`/odoo-backups/${slug}`)
          .map(({ path }) => path.split('/').at(-1))
          .sort(),
      )
    await sync('monday')
    await sync('tuesday')
    assert.deepEqual(names(), [['tuesday.zip'], ['tuesday.zip'], ['tuesday.zip']])
    const again = await sync('monday')
    assert.equal(again.status, 'uploaded')
    assert.deepEqual(
      Object.values(again.destinations).map(({ retention }) => retention),
      Array.from({ length: 3 }, () => ({ keep_last: 1, deleted: [], kept: 2, skipped: null, error: null })),
    )
    assert.deepEqual(
      names(),
      Array.from({ length: 3 }, () => ['monday.zip', 'tuesday.zip']),
    )
    await sync('wednesday')
    assert.deepEqual(
      names(),
      Array.from({ length: 3 }, () => ['wednesday.zip']),
    )
  })

  it('an old backup that is uploaded again does not make its instance safe without a copy of the newest one', async () => {
    const { slug } = await system.bind({})
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1_000))
    const { destinations } = await system.sync({ instance: slug, archive })
    const safety = async () => (await getInstanceView(system.db, slug))?.safety
    for (const [account_id, { remote_id }] of Object.entries(destinations)) {
      assert.equal(await safety(), 'safe')
      assert.ok(remote_id !== null)
      await markFileDeleted(system.db, { account_id, remote_id, deleted_at: new Date().toISOString() })
    }
    assert.equal(await safety(), 'unsafe')
  })
})
