// One `temporal server start-dev` process: started in a session of its own, so that Ctrl-C in the terminal does not
// reach it before the Workers have drained; noted in a file, so that one left over by a crash is found and stopped.
// Two servers on one SQLite file would run side by side and ruin it: nothing is started while an old one lives.
import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { errnoOf, readIfThere } from '../../db/machine/errno.ts'
import { processIdentity } from '../../db/machine/process-identity.ts'
import { StartupError } from '../../db/process/startup-error.ts'
import type { Log } from '../log.ts'

export type ServerProcess = {
  /** Resolves with how the process ended, as text; never rejects. */
  readonly ended: Promise<string>
  /** False once it has ended. */
  readonly isRunning: () => boolean
  /** SIGTERM, and SIGKILL after ten seconds; returns when the process is gone. */
  readonly stop: () => Promise<void>
  /** What it wrote so far. */
  readonly output: () => Promise<string>
}

const STOP_MS = 10_000
const POLL_MS = 50

const noteFile = z.object({ pid: z.number(), identity: z.string() })

/**
 * Starts the program with its output in `server.log` and its number in `server.pid` of the folder. Throws StartupError,
 * and leaves nothing running, when the number cannot be noted.
 */
export async function startProcess(
  cli: string,
  args: readonly string[],
  folder: string,
): Promise<ServerProcess> {
  const logFile = join(folder, 'server.log')
  const note = join(folder, 'server.pid')
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(cli, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
    // No variable of this program's environment: the CLI reads TEMPORAL_* variables and a profile in the home folder.
    env: { PATH: process.env.PATH ?? '', HOME: folder },
  })
  closeSync(log)
  let running = true
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with code ${code}`))
  }).then((how) => {
    running = false
    return how
  })
  if (child.pid !== undefined) {
    const identity = await processIdentity(child.pid)
    try {
      if (identity !== null) writeFileSync(note, `${JSON.stringify({ pid: child.pid, identity })}\n`)
    } catch (cause) {
      // Without the note it would not be found after a crash, and a second server would be started on its files.
      child.kill('SIGKILL')
      await ended
      throw new StartupError(
        `${note} cannot be written (${errnoOf(cause)}): give its folder space and write permission`,
        { cause },
      )
    }
  }
  // Only a wait for its end keeps this program alive; the child alone does not.
  child.unref()

  const stop = async () => {
    if (running) {
      child.ref()
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(timer)
    }
    await rm(note, { force: true })
  }
  return { ended, isRunning: () => running, stop, output: () => readFile(logFile, 'utf8') }
}

/** Stops a server that an earlier run of this program left behind in this folder, if there is one. */
export async function stopOrphan(folder: string, log: Log): Promise<void> {
  const note = join(folder, 'server.pid')
  const orphan = await readNote(note)
  if (orphan) {
    const isThere = async () => (await processIdentity(orphan.pid)) === orphan.identity
    if (await isThere()) log.info('stopping the Temporal server that an earlier run left behind')
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (!(await isThere())) break
      process.kill(orphan.pid, signal)
      const deadline = Date.now() + STOP_MS
      while (Date.now() < deadline && (await isThere())) await delay(POLL_MS)
    }
    if (await isThere()) throw new Error(`the old Temporal server (process ${orphan.pid}) does not stop`)
  }
  await rm(note, { force: true })
}

async function readNote(path: string): Promise<z.infer<typeof noteFile> | undefined> {
  const content = await readIfThere(path)
  if (content === null) return undefined
  try {
    return noteFile.parse(JSON.parse(content))
  } catch {
    // Cut off by a full disk: nothing that a server could be found by.
    return undefined
  }
}
