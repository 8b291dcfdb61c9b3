import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createDemoFolder } from './demo-folder.ts'

describe("the demo's folder", () => {
  const usual = process.env.TMPDIR
  let temporary = ''
  before(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'cloud-sync-folders-'))
    process.env.TMPDIR = temporary
  })
  after(async () => {
    if (usual === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = usual
    await rm(temporary, { recursive: true, force: true })
  })

  it('goes with everything in it', async () => {
    const folder = await createDemoFolder()
    assert.ok(folder.dataDir.startsWith(temporary))
    await folder.remove()
    assert.deepEqual(await readdir(temporary), [])
  })

  it('of a demo that was killed is removed by the next one, that of a running demo is not', async () => {
    const running = await createDemoFolder()
    const killed = join(temporary, 'cloud-sync-demo-killed')
    await mkdir(join(killed, 'data'), { recursive: true })
    const early = new Date(Date.now() - 120_000)
    for (const path of [running.path, killed]) await utimes(path, early, early)
    const next = await createDemoFolder()
    const left = (await readdir(temporary)).map((name) => join(temporary, name))
    assert.deepEqual(left.toSorted(), [running.path, next.path].toSorted())
    await next.remove()
    await running.remove()
  })
})
