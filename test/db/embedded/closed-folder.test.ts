// The embedded PostgreSQL of a program that root keeps below a folder which nobody else may enter, as /root is.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { z } from 'zod'
import { processIdentity } from '../../../db/machine/process-identity.ts'

const PROJECT = join(import.meta.dirname, '..', '..', '..')
const run = promisify(execFile)
const said = z.object({ port: z.number(), starts: z.number(), warnings: z.array(z.string()) })
const READ_ALL = 1 << 2

/** Runs a program without a right that many containers do not have. */
const WITHOUT_MOUNTS = ['setpriv', '--bounding-set=-sys_admin', '--']
const WITHOUT_BOTH = ['setpriv', '--bounding-set=-sys_admin,-dac_read_search', '--']

function works(command: readonly string[]): boolean {
  const [file = '', ...args] = command
  return spawnSync(file, args).status === 0
}

const isRoot = process.getuid?.() === 0
const notRoot = isRoot ? false : 'only root keeps its files from the user that PostgreSQL runs as'
const noMounts =
  notRoot || works(['unshare', '--mount', 'true'])
    ? notRoot
    : 'no mount namespace can be made on this machine'
const noCapability =
  notRoot ||
  works([
    ...WITHOUT_MOUNTS,
    'setpriv',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
    'true',
  ])
    ? notRoot
    : 'the right to read every file is not to be had on this machine'

describe('the embedded PostgreSQL below a folder that others may not enter', { skip: notRoot }, () => {
  let closed: string
  before(async () => {
    closed = await mkdtemp(join(tmpdir(), 'cloud-sync-closed-'))
    await copyProgram(join(closed, 'program'))
  })
  after(async () => rm(closed, { recursive: true, force: true }))

  const start = async (data: string, end: 'stop' | 'kill', before: readonly string[] = []) => {
    const script = join(closed, 'program', 'test', 'db', 'embedded', 'step.ts')
    const [file = '', ...args] = [...before, process.execPath, script, join(closed, data, 'postgres'), end]
    const { stdout } = await run(file, args).catch(
      (error: { killed: boolean; signal: string; stdout: string; stderr: string }) => {
        if (end === 'kill' && error.signal === 'SIGKILL') return error
        throw new Error(error.stderr)
      },
    )
    return said.parse(JSON.parse(stdout))
  }
  const postmaster = async (data: string) => {
    const note = await readFile(join(closed, data, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')
    const pid = Number(note.split('\n')[0])
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? []
    return { pid, uids, capabilities: Number.parseInt(/^CapEff:\s+(\w+)$/m.exec(status)?.[1] ?? '', 16) }
  }

  const ways = [
    {
      name: 'in a mount namespace, with no right of its own',
      skip: noMounts,
      before: [],
      rights: 0,
      warnings: 0,
    },
    {
      name: 'with the right to read every file, which it warns of, where no mount may be made',
      skip: noCapability,
      before: WITHOUT_MOUNTS,
      rights: READ_ALL,
      warnings: 1,
    },
  ]
  for (const [number, { name, skip, before, rights, warnings }] of ways.entries()) {
    it(`a PostgreSQL below a closed folder starts, stops, starts again and is taken over ${name}`, {
      skip,
    }, async () => {
      const data = `data-${number}`
      await mkdir(join(closed, data))
      const first = await start(data, 'stop', before)
      assert.deepEqual([first.starts, first.warnings.length], [1, warnings])
      for (const warning of first.warnings) assert.match(warning, /right to read every file .* may not enter/)

      const second = await start(data, 'kill', before)
      assert.equal(second.starts, 2)
      const left = await postmaster(data)
      assert.ok(left.uids.length > 0 && !left.uids.includes('0'), `user ${left.uids}`)
      assert.equal(left.capabilities, rights)
      const third = await start(data, 'kill', before)
      assert.deepEqual([third.starts, third.port], [3, second.port])
      assert.equal((await postmaster(data)).pid, left.pid)

      assert.equal((await start(data, 'stop', before)).starts, 4)
      assert.equal(await processIdentity(left.pid), null)
      const files = await readdir(join(closed, data, 'postgres'))
      assert.deepEqual(files.sort(), ['cluster', 'password', 'port', 'server.log'])
      assert.doesNotMatch(await readFile('/proc/self/mountinfo', 'utf8'), /cloud-sync-\d+ /)
    })
  }

  it('a PostgreSQL below a closed folder is taken over by a program that gets to the files in another way', {
    skip: noMounts || noCapability,
  }, async () => {
    await mkdir(join(closed, 'mixed'))
    await start('mixed', 'kill')
    const { pid } = await postmaster('mixed')
    await start('mixed', 'kill', WITHOUT_MOUNTS)
    assert.equal((await postmaster('mixed')).pid, pid)
    assert.equal((await start('mixed', 'stop')).starts, 3)
    assert.equal(await processIdentity(pid), null)
  })

  it('a PostgreSQL below a closed folder says in one sentence what to do where there is no way to the files', async () => {
    await mkdir(join(closed, 'none'))
    await assert.rejects(start('none', 'stop', WITHOUT_BOTH), (error: Error) => {
      const line =
        error.message.split('\n').find((one) => one.includes('PostgreSQL does not run as root')) ?? ''
      assert.ok(line.includes(`may not enter ${closed}`), error.message)
      assert.match(
        line,
        /start this program as an ordinary user, put DATA_DIR and the program where others may enter, or set DATABASE_URL$/,
      )
      return true
    })
  })
})

/** By hard links where the folders lie on one file system, and without what PostgreSQL does not need. */
async function copyProgram(to: string): Promise<void> {
  await mkdir(to)
  for (const name of await readdir(PROJECT)) {
    if (['.git', 'data'].includes(name)) continue
    await run('cp', ['-al', join(PROJECT, name), to]).catch(() =>
      cp(join(PROJECT, name), join(to, name), { recursive: true }),
    )
  }
}
