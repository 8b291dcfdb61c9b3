import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { RunFilesRequest } from './run-files.ts'

const RUN_FILES = join(dirname(fileURLToPath(import.meta.url)), 'run-files.ts')

const FILES = {
  'passes.test.mjs': `import { it } from 'node:test'
    it('holds', () => {})`,
  'fails.test.mjs': `import { it } from 'node:test'
    it('breaks', () => { throw new Error('as it must') })`,
  'skips.test.mjs': `import { describe, it } from 'node:test'
    describe('a machine', () => {
      it('has it', () => {})
      describe('without it', () => {
        it('does nothing', { skip: 'needs iproute2' }, () => {})
        it('says so', (t) => t.skip('needs faketime'))
      })
      describe.skip('in a part', () => { it('is not run', () => {}) })
      it.todo('comes later')
    })`,
  'waits.test.mjs': `import { it } from 'node:test'
    import { setTimeout as delay } from 'node:timers/promises'
    it('waits', () => delay(400))`,
}

describe('the report of npm test', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'cloud-sync-runner-'))
    for (const [name, content] of Object.entries(FILES)) await writeFile(join(root, name), content)
  })
  after(() => rm(root, { recursive: true }))

  async function runFiles(
    files: readonly (keyof typeof FILES)[],
    change: Partial<RunFilesRequest> = {},
  ): Promise<{ code: number | null; lines: readonly string[] }> {
    const request: RunFilesRequest = {
      root,
      files: files.map((file) => join(root, file)),
      flags: [],
      files_at_once: 2,
      test_timeout_ms: 30_000,
      may_skip: true,
      searches: null,
      ...change,
    }
    // A runner does not run below a runner that it knows of.
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env
    const child = spawn(process.execPath, [RUN_FILES], {
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.stdin.end(JSON.stringify(request))
    const output = await text(child.stdout)
    return { code: await ended, lines: output.trimEnd().split('\n') }
  }

  const counts = (lines: readonly string[]) =>
    lines.slice(-8).map((line) => line.split(' ').slice(0, 2).join(' '))

  it('ends with the counts of the runner, also when a test failed', async () => {
    const { code, lines } = await runFiles(['fails.test.mjs', 'passes.test.mjs'])
    assert.equal(code, 1)
    assert.deepEqual(
      counts(lines),
      ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'].map(
        (name) => `ℹ ${name}`,
      ),
    )
    assert.deepEqual(lines.slice(-8, -4), ['ℹ tests 2', 'ℹ suites 0', 'ℹ pass 1', 'ℹ fail 1'])
    assert.ok(lines.some((line) => line.includes('as it must')))
  })

  it('names what was skipped by its whole name, with the reason, and passes', async () => {
    const { code, lines } = await runFiles(['skips.test.mjs', 'passes.test.mjs'])
    assert.equal(code, 0)
    const first = lines.indexOf('Skipped:') + 1
    assert.deepEqual(lines.slice(first, lines.indexOf('', first)), [
      '  skips.test.mjs: a machine › without it › does nothing (needs iproute2)',
      '  skips.test.mjs: a machine › without it › says so (needs faketime)',
      '  skips.test.mjs: a machine › in a part (no reason is given)',
      '  skips.test.mjs: a machine › comes later (todo)',
    ])
  })

  it('fails where nothing may be skipped, and says what was', async () => {
    const { code, lines } = await runFiles(['skips.test.mjs'], { may_skip: false })
    assert.equal(code, 1)
    assert.ok(
      lines.includes(
        'Not to be skipped: skips.test.mjs: a machine › without it › does nothing (needs iproute2)',
      ),
    )
  })

  it('passes where nothing may be skipped and nothing was', async () => {
    const { code, lines } = await runFiles(['passes.test.mjs'], { may_skip: false })
    assert.equal(code, 0)
    assert.ok(!lines.includes('Skipped:'))
  })

  it('names the slowest files with their seconds, the slowest first', async () => {
    const { lines } = await runFiles(['passes.test.mjs', 'waits.test.mjs'], { files_at_once: 1 })
    const first = lines.indexOf('The slowest files:') + 1
    const named = lines.slice(first, first + 2).map((line) => /^ +(\d+\.\d) s {2}(\S+)$/.exec(line)?.slice(1))
    const seconds = named.map((one) => Number(one?.[0]))
    assert.deepEqual(new Set(named.map((one) => one?.[1])), new Set(['passes.test.mjs', 'waits.test.mjs']))
    assert.ok((seconds[0] ?? Number.NaN) >= (seconds[1] ?? Number.NaN), `not in order: ${seconds}`)
    assert.ok(Math.max(...seconds) >= 0.4, 'the seconds of a file count from the start of its process')
  })

  it('hands flags of the runner to the files', async () => {
    const { lines } = await runFiles(['passes.test.mjs', 'waits.test.mjs'], {
      flags: ['--test-name-pattern=holds'],
    })
    assert.ok(lines.some((line) => line.includes('holds')))
    assert.ok(!lines.some((line) => line.includes('✔ waits (')))
  })
})
