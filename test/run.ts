// `npm test`: prepares what all test files share (one PostgreSQL in a temporary folder, one Temporal CLI), runs Node's own
// test runner in a child, and takes everything down again. The runner's counts are the last lines, its exit code ours.
// Arguments are files or folders to run instead of all; those that begin with "-" go to the Node of each file, except for
// --no-skips: a test that is skipped is a failure;
// --days N: what runs in Node runs under a clock N days ahead (negative: behind); and
// --searched: how much of what the tests left behind was searched for planted secrets is said at the end.
// Nothing here is shared with another run: two clones may test at the same time.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../db/embedded/server.ts'
import { isMissing } from '../db/machine/errno.ts'
import { processIdentity } from '../db/machine/process-identity.ts'
import { findTemporalCli } from '../temporal-dev/cli/find-cli.ts'
import { longestFirst } from './runner/order.ts'
import type { RunFilesRequest } from './runner/run-files.ts'
import { daysAhead, shiftedEnvironment } from './runner/shifted-clock.ts'
import { createTemplate } from './support/database.ts'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const PREFIX = 'cloud-sync-test-'
const TEST_TIMEOUT_MS = 300_000
/** Most of a file's time is waiting: for servers to start, for retries, for deadlines. */
const FILES_AT_ONCE = Math.min(3 * availableParallelism(), 8)
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const
const STOP_MS = 10_000
const OWN_FLAGS = ['--no-skips', '--searched']

// Only what a person has to know: something is fetched, or does not work.
const log = {
  info: (message: string) => process.stderr.write(`${message}\n`),
  warn: (message: string) => process.stderr.write(`${message}\n`),
}
const quiet = { info: () => undefined, warn: log.warn }

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof RangeError)) throw error
  log.warn(error.message)
  return 1
})

async function main(given: readonly string[]): Promise<number> {
  const { days, rest } = daysAhead(given)
  const patterns = rest.filter((one) => !one.startsWith('-'))
  const flags = rest.filter((one) => one.startsWith('-') && !OWN_FLAGS.includes(one))
  const files = await longestFirst(await findTests(patterns))
  if (files.length === 0) {
    log.warn(`no test files in ${patterns.join(', ')}`)
    return 1
  }

  // This process stays to take the database down.
  let interrupted = false
  process.on('SIGINT', () => {
    interrupted = true
  })
  await removeLeftovers()
  const cli = await findTemporalCli({ environment: process.env, log })
  const folder = await mkdtemp(join(tmpdir(), PREFIX))
  // PostgreSQL may run as another user, who has to get in.
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'owner'), `${process.pid} ${await processIdentity(process.pid)}`)
  let database: EmbeddedPostgres | undefined
  try {
    database = await startEmbeddedPostgres({ directory: join(folder, 'postgres'), log: quiet })
    if (interrupted) return 130
    await createTemplate(database.url)
    const searches = join(folder, 'searches')
    await mkdir(searches)
    const shared = {
      TEST_DATABASE_URL: database.url,
      TEMPORAL_CLI: cli,
      SECRET_SEARCH_FOLDER: searches,
      TEST_SHARED_FOLDER: folder,
      // Types are stripped and modules compiled once, and not by every file for itself.
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
    }
    const request: RunFilesRequest = {
      root: ROOT,
      files: [...files],
      flags,
      files_at_once: FILES_AT_ONCE,
      test_timeout_ms: TEST_TIMEOUT_MS,
      may_skip: !given.includes('--no-skips'),
      searches: given.includes('--searched') ? searches : null,
    }
    const environment = { ...ownEnvironment(), ...shared }
    return await runTests(request, days === null ? environment : shiftedEnvironment(days, environment))
  } finally {
    await database?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function runTests(request: RunFilesRequest, environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [join(ROOT, 'test', 'runner', 'run-files.ts')], {
    cwd: ROOT,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: environment,
    // A group of its own: what a test file has started ends with it.
    detached: true,
  })
  // One that ends before it has read the request says so by its code.
  child.stdin.on('error', () => undefined)
  child.stdin.end(JSON.stringify(request))
  let isAsked = false
  const stop = () => {
    if (isAsked) return
    isAsked = true
    endGroup(child, 'SIGTERM')
    // Whatever takes a signal for a wish: the database that all of them use goes down next.
    setTimeout(() => endGroup(child, 'SIGKILL'), STOP_MS).unref()
  }
  for (const signal of STOP_SIGNALS) process.on(signal, stop)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  for (const signal of STOP_SIGNALS) process.off(signal, stop)
  if (isAsked) endGroup(child, 'SIGKILL')
  return code ?? 1
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // Nobody of it is left.
    if (!isMissing(error)) throw error
  }
}

/** The environment without what configures the program: a developer's cluster or database is no place for tests. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const configuring =
    /^(TEMPORAL_|GOOGLE_|DROPBOX_|MICROSOFT_|ARCHIVE_TASK_QUEUE$|SHARED_ARCHIVES$|TASK_QUEUE$|DATA_DIR$|BACKUP_ROOT$|SECRET_KEY_FILE$|DATABASE_URL$|HOST$|PORT$|ADMIN_PASSWORD$|API_TOKEN$|LOG_LEVEL$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !configuring.test(name)))
}

async function findTests(patterns: readonly string[]): Promise<string[]> {
  const places = patterns.length > 0 ? patterns : ['test']
  const found = await Promise.all(
    places.map(async (place) => {
      const path = join(ROOT, relative(ROOT, join(ROOT, place)))
      if (!(await stat(path)).isDirectory()) return [path]
      const entries = await readdir(path, { recursive: true })
      return entries.filter((entry) => entry.endsWith('.test.ts')).map((entry) => join(path, entry))
    }),
  )
  return [...new Set(found.flat())].filter((file) => !file.startsWith(join(ROOT, 'test', 'bench'))).sort()
}

/** Stops and removes what a run that was killed has left behind. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const folder = join(tmpdir(), name)
    const [pid, identity] = (await readFile(join(folder, 'owner'), 'utf8').catch(() => '')).split(' ')
    if (!pid || (await processIdentity(Number(pid))) === identity) continue
    const directory = join(folder, 'postgres')
    const mayRun = await stat(join(directory, 'cluster', 'postmaster.pid')).then(
      () => true,
      () => false,
    )
    // Taking it over is the safe way to end it.
    if (mayRun) await (await startEmbeddedPostgres({ directory, log: quiet })).stop()
    await rm(folder, { recursive: true, force: true })
  }
}
