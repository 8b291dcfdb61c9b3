// Two runs whose archives have the same name and size, and other content: whichever gets the name first, both end with a whole
// copy of their own, and neither takes the other's copy for its own (docs/design.md, rules 1 and 2).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { listAttempts } from '../../db/uploads/attempts.ts'
import { listAudit } from '../../db/views/audit.ts'
import type { CloudSyncResult } from '../../workflows/types.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { ALL_CLOUDS, sha256 } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const SIZE = 1_000_000
/** The request that carries a small file's bytes at each provider. */
const SMALL_UPLOAD = { google_drive: 'chunk', dropbox: 'upload', onedrive: 'single' } as const

describe('a name that is taken while an upload is between two attempts', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
  })
  after(() => system.close())

  const failedAttempts = async (runId: string) => {
    const attempts = await listAttempts(system.db, runId)
    return attempts.filter(({ outcome }) => outcome !== null).length
  }

  /** A run that has a session and gets no byte through. */
  const startBlocked = async (cloud: CloudDouble, slug: string, archive: string) => {
    cloud.server.faults.add({
      operation: SMALL_UPLOAD[cloud.kind],
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'refuse' },
    })
    const run = await system.start({ instance: slug, archive })
    await until('an attempt has failed', async () => ((await failedAttempts(run.runId)) >= 2 ? true : null))
    return run
  }

  const assertWhole = (cloud: CloudDouble, slug: string, result: CloudSyncResult, content: Buffer) => {
    assert.equal(result.status, 'uploaded')
    const [state] = Object.values(result.destinations)
    const file = cloud.files(`/odoo-backups/${slug}`).find(({ id }) => id === state?.remote_id)
    assert.equal(sha256(file?.content ?? Buffer.alloc(0)), sha256(content), `${cloud.kind}: ${file?.path}`)
  }

  const removals = async (runId: string) =>
    (await listAudit(system.db, { run_id: runId, limit: 200 })).items.filter(({ event }) =>
      ['bad_copy_removed', 'hash_mismatch', 'file_deleted'].includes(event),
    )

  for (const kind of ['google_drive', 'dropbox', 'onedrive'] as const) {
    const cloudOf = () => {
      const cloud = system.clouds.find((each) => each.kind === kind)
      assert.ok(cloud !== undefined)
      return cloud
    }

    it(`a name taken between two attempts by another run leaves both copies whole at ${kind}`, async () => {
      const cloud = cloudOf()
      const { slug } = await system.bind({}, [cloud])
      const [first, second] = [randomBytes(SIZE), randomBytes(SIZE)]
      const archive = await system.writeArchive(`${slug}/latest.zip`, first)
      const one = await startBlocked(cloud, slug, archive)
      cloud.server.faults.clear()
      await rm(join(system.config.backupRoot, archive))
      await system.writeArchive(archive, second)
      const two = await system.sync({ instance: slug, archive })
      const oneResult = await one.result()
      assertWhole(cloud, slug, two, second)
      assertWhole(cloud, slug, oneResult, first)
      assert.deepEqual(await removals(one.runId), [])
      assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 2)
    })

    it(`a name taken between two attempts by a folder is given up for the name with the run's short ID at ${kind}`, async () => {
      const cloud = cloudOf()
      cloud.server.faults.clear()
      const { slug } = await system.bind({}, [cloud])
      cloud.putFile(`/odoo-backups/${slug}/latest.zip/inside.txt`, Buffer.from('x'))
      const content = randomBytes(SIZE)
      const archive = await system.writeArchive(`${slug}/latest.zip`, content)
      assertWhole(cloud, slug, await system.sync({ instance: slug, archive }), content)
    })

    it(`a name taken between two attempts by somebody else leaves that file alone at ${kind}`, async () => {
      const cloud = cloudOf()
      const { slug } = await system.bind({}, [cloud])
      const [ours, his] = [randomBytes(SIZE), randomBytes(SIZE)]
      const archive = await system.writeArchive(`${slug}/latest.zip`, ours)
      const run = await startBlocked(cloud, slug, archive)
      const foreign = cloud.putFile(`/odoo-backups/${slug}/latest.zip`, his)
      cloud.server.faults.clear()
      assertWhole(cloud, slug, await run.result(), ours)
      assert.deepEqual(await removals(run.runId), [])
      assert.ok(cloud.files(`/odoo-backups/${slug}`).some(({ id }) => id === foreign.id))
    })
  }
})
