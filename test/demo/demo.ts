// `npm run demo`: the program's main job on real input, on this machine alone. The real program runs as a child process;
// the three clouds are played by the emulators of test/clouds; everything else goes through the public HTTP API.
// Stays up until Ctrl-C; with --once it stops by itself. Exit code 0 when everything is as it must be, 1 when not.
// Keeps nothing: its folder below the temporary one goes with it. Several demos may run at the same time.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findTemporalCli } from '../../temporal-dev/cli/find-cli.ts'
import { formatBytes } from '../../workflows/runs/destination.ts'
import { createApi, type DemoApi } from './api.ts'
import { addOlderCopies, type Cut, cutOneUpload, startClouds } from './clouds.ts'
import { createDemoFolder } from './demo-folder.ts'
import { type FinishedBackup, judge, OUTCOME_COLUMNS } from './outcome/outcome.ts'
import { type Program, startProgram } from './program.ts'
import { INSTANCES } from './scenario.ts'
import { createScreen, type Screen } from './screen/screen.ts'
import { tableLines } from './screen/table.ts'
import { followRuns, reportBackups, setUp, writeArchives } from './steps.ts'

const USAGE =
  'usage: npm run demo [-- --once]\n  --once   stop when the runs are finished; exit code 0 or 1\n'
const CUT_AFTER_BYTES = 20_000_000
const LINE_BYTES_PER_SECOND = 12 * 1024 ** 2
/** Of the demo's environment the program gets these; everything else that configures it is the demo's to say. */
const PASSED_ON = ['PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT']
const CONFIGURING =
  /^(TEMPORAL_|GOOGLE_|DROPBOX_|MICROSOFT_|UPLOAD|(TASK_QUEUE|ARCHIVE_TASK_QUEUE|SHARED_ARCHIVES|DATA_DIR|BACKUP_ROOT|SECRET_KEY_FILE|DATABASE_URL|HOST|PORT|ADMIN_PASSWORD|API_TOKEN|LOG_LEVEL|HTTPS?_PROXY|NO_PROXY)$)/i

type Cleanup = () => Promise<void>

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options === null) return 1
  const screen = createScreen(process.stdout, process.env)
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort())
  const cleanups: Cleanup[] = []
  let code = 1
  try {
    code = await play(options, screen, interrupt.signal, cleanups)
  } catch (error) {
    screen.keep()
    if (interrupt.signal.aborted) code = 130
    else screen.print(`✗ ${error instanceof Error ? error.message : String(error)}`)
  }
  screen.draw(['', '· Stopping'])
  for (const cleanup of cleanups.toReversed()) {
    await cleanup().catch((error: unknown) => {
      screen.print(`✗ ${error instanceof Error ? error.message : String(error)}`)
      code = 1
    })
  }
  screen.draw([])
  if (cleanups.length > 0) screen.print('Stopped. Everything that the demo made is removed.')
  screen.close()
  return code
}

function readOptions(args: readonly string[]): { once: boolean } | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { once: { type: 'boolean', default: false } } })
    return values
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return null
  }
}

async function play(
  options: { readonly once: boolean },
  screen: Screen,
  interrupt: AbortSignal,
  cleanups: Cleanup[],
): Promise<number> {
  const now = new Date()
  const secrets = {
    API_TOKEN: randomBytes(24).toString('base64url'),
    ADMIN_PASSWORD: randomBytes(9).toString('base64url'),
  }
  screen.print('Cloud Sync demo: backups of two Odoo instances go to three clouds.')
  screen.print()

  const log = {
    info: (message: string) => screen.print(`· ${message}`),
    warn: (message: string) => screen.print(`· ${message}`),
  }
  const cli = await findTemporalCli({ environment: process.env, log, signal: interrupt })
  const folder = await createDemoFolder()
  cleanups.push(folder.remove)

  const clouds = await startClouds(folder.path, LINE_BYTES_PER_SECOND)
  cleanups.push(clouds.close)
  screen.print('✓ Clouds    Google Drive, Dropbox and OneDrive, played on this machine by HTTPS')
  const older = addOlderCopies(clouds.all, now)
  screen.print(`✓ Clouds    ${older} backups of earlier days are there already`)

  const archives = await writeArchives(join(folder.dataDir, 'backups'), now, screen, interrupt)

  screen.draw(['· Program   is starting: PostgreSQL, Temporal, worker, API'])
  const startedAt = Date.now()
  const program = await startProgram(
    {
      ...environmentFor(process.env),
      ...clouds.env,
      ...secrets,
      DATA_DIR: folder.dataDir,
      TEMPORAL_CLI: cli,
      LOG_LEVEL: 'warn',
    },
    interrupt,
  )
  cleanups.push(program.stop)
  screen.draw([])
  screen.print(`✓ Program   PostgreSQL, Temporal, worker and API are up after ${seconds(startedAt)}`)
  const signal = AbortSignal.any([interrupt, program.lost])

  const api = createApi(program.url, secrets.API_TOKEN, signal)
  const bindings = await unlessLost(program, setUp(api, clouds.all))
  screen.print(
    `✓ Set-up    ${INSTANCES.length} instances, ${clouds.all.length} accounts, ${bindings} bindings, made by the API`,
  )

  const cut = cutOneUpload(clouds.all, CUT_AFTER_BYTES)
  const uploadsAt = Date.now()
  const started = await unlessLost(program, reportBackups(api, archives, now))
  screen.print(`✓ Runs      ${started.length} finished backups reported by POST /api/runs`)
  let isCutTold = false
  const remarks = () => {
    if (isCutTold || !cut.isDone()) return []
    isCutTold = true
    return [`↻ On purpose: the line to Google Drive was cut in the middle of an upload`]
  }
  const backups = await unlessLost(program, followRuns({ api, started, screen, signal, remarks }))
  const sent = backups.reduce(
    (sum, { size, run }) => sum + size * Object.keys(run.cloud_sync_status).length,
    0,
  )
  screen.print()
  screen.print(`${formatBytes(sent)} to three clouds in ${seconds(uploadsAt)}:`)
  screen.print()

  const outcome = judge(backups, clouds.all, INSTANCES, now)
  for (const line of tableLines(OUTCOME_COLUMNS, outcome.rows, screen.width)) screen.print(line)
  screen.print()
  const problems = [...outcome.problems, ...(await tellOfResume(api, backups, cut, screen))]
  if (problems.length === 0) tellWhatHolds(screen)
  for (const problem of problems) screen.print(`✗ ${problem}`)
  screen.print()
  screen.print(`Cloud Sync      ${program.url}`)
  screen.print(`API reference   ${program.docsUrl}`)
  screen.print(`Temporal        ${program.temporalUrl}`)
  if (!options.once) await stayUp(program, secrets, screen, interrupt)
  return problems.length === 0 ? 0 : 1
}

/** Says where the upload that was cut went on; a problem when it began anew. */
async function tellOfResume(
  api: DemoApi,
  backups: readonly FinishedBackup[],
  cut: Cut,
  screen: Screen,
): Promise<string[]> {
  if (!cut.isDone()) return ['no upload was cut, though one should have been']
  const wanted = backups.reduce((sum, { size, run }) => {
    const isThere = Object.values(run.cloud_sync_status).some(({ provider }) => provider === 'google_drive')
    return isThere ? sum + size : sum
  }, 0)
  const twice = formatBytes(Math.max(0, cut.receivedBytes() - wanted))
  for (const { instance, archive, run } of backups) {
    const [resumed] = await api.resumedFrom(run.id)
    if (resumed === undefined) continue
    const from = `${formatBytes(resumed.offset)} (${twice} sent twice)`
    screen.print(`✓ ${instance}/${archive} was cut at ${formatBytes(CUT_AFTER_BYTES)}, went on from ${from}`)
    return []
  }
  return ['the upload that was cut did not go on from where it was']
}

function tellWhatHolds(screen: Screen): void {
  screen.print('✓ Every archive is at every destination once, size and hash as on this disk')
  screen.print('✓ Every destination holds the newest copies, as many as its keep_last says')
  screen.print('✓ No upload is left half done; no file but archives was ever deleted')
}

async function stayUp(
  program: Program,
  secrets: { readonly API_TOKEN: string; readonly ADMIN_PASSWORD: string },
  screen: Screen,
  interrupt: AbortSignal,
): Promise<void> {
  screen.print(`Log in as       admin, password ${secrets.ADMIN_PASSWORD}`)
  screen.print(`Bearer token    ${secrets.API_TOKEN}`)
  screen.print()
  screen.print('Everything stays up until Ctrl-C.')
  if (!interrupt.aborted) await Promise.race([once(interrupt, 'abort'), once(program.lost, 'abort')])
  if (program.lost.aborted) throw program.lost.reason
}

function environmentFor(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(own).filter(([name]) => PASSED_ON.includes(name) || !CONFIGURING.test(name)),
  )
}

/** What the program said when it died says more than the connection that broke. */
async function unlessLost<T>(program: Program, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw program.lost.aborted ? program.lost.reason : error
  }
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
