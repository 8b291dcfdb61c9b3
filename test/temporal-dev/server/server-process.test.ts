// A server of ours whose number cannot be noted: nobody would find it after a crash.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { startProcess } from '../../../temporal-dev/server/server-process.ts'

describe('a server process', () => {
  it('does not stay when its note cannot be written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloud-sync-process-'))
    // Refuses the file as a full disk does.
    await mkdir(join(folder, 'server.pid'))
    const started = startProcess('sh', ['-c', 'sleep 60; true', basename(folder)], folder)
    await assert.rejects(started, /server\.pid cannot be written \(EISDIR\)/)
    const left = (await commandLines()).filter((line) => line.includes(basename(folder)))
    assert.deepEqual(left, [])
    await rm(folder, { recursive: true, force: true })
  })
})

/** Of all processes; a dead one that nobody has waited for has none. */
async function commandLines(): Promise<readonly string[]> {
  if (process.platform !== 'linux') {
    return (await promisify(execFile)('ps', ['-axww', '-o', 'command'])).stdout.split('\n')
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  // It may end between the two looks.
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
}
