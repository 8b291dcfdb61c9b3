// Tells one process from a later one that got the same number. A PID alone proves nothing after a reboot or in
// a container that was started again, so whoever writes a PID into a file writes this identity next to it.
// Never guesses: where the start time cannot be read, the identity is null and nothing may be killed by it.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { hasErrno } from './errno.ts'

const run = promisify(execFile)

/** What stays the same for the life of one process and differs for every other; null when there is none. */
export async function processIdentity(pid: number): Promise<string | null> {
  if (!isAlive(pid)) return null
  return process.platform === 'linux' ? await linuxIdentity(pid) : await psIdentity(pid)
}

/** True when a process of that number exists, whoever owns it. A zombie counts as alive here. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasErrno(error, 'EPERM')
  }
}

async function linuxIdentity(pid: number): Promise<string | null> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    // The command name in parentheses may hold spaces: fields are counted from behind it (proc_pid_stat(5): state
    // is field 3, starttime field 22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const state = fields[0]
    const startTime = fields[19]
    return state === 'Z' || startTime === undefined ? null : `${boot.trim()}:${startTime}`
  } catch {
    // The process ended between the two looks, or /proc is hidden: either way it cannot be identified.
    return null
  }
}

async function psIdentity(pid: number): Promise<string | null> {
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', TZ: 'UTC' },
    })
    return stdout.trim() || null
  } catch {
    // ps exits with 1 when there is no such process.
    return null
  }
}
