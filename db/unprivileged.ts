// Runs programs that refuse to run as root (PostgreSQL does) as somebody else when this program runs as root,
// and as ourselves otherwise. Everything runs in a session of its own, so that Ctrl-C in the terminal does
// not reach it. Never changes an account of the machine; chowns only the directory that it is given.
import { spawn } from 'node:child_process'
import { chown, lchown, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StartupError } from './startup-error.ts'

export type Finished = { readonly code: number | null; readonly output: string }

export type Runner = {
  /** The user the programs run as; undefined when they run as ourselves. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** Runs to the end and collects both output streams; rejects only when the program cannot be started. */
  readonly run: (file: string, args: readonly string[], cwd: string) => Promise<Finished>
}

type User = { readonly uid: number; readonly gid: number; readonly name: string }

/**
 * A runner for programs that work in `directory` (which exists) and lie at `programs`. As root it picks the owner
 * of the directory when that is not root, else `postgres`, else `nobody`, and gives the directory to that user.
 * Throws when the directory belongs to somebody else, or when that user cannot get at the files.
 */
export async function createRunner(directory: string, programs: readonly string[]): Promise<Runner> {
  const ownUid = process.getuid?.()
  const { uid: owner, gid: ownerGroup } = await stat(directory)
  if (ownUid !== 0) {
    if (ownUid !== undefined && owner !== ownUid) {
      throw new StartupError(
        `${directory} belongs to user ${owner}, and this program runs as user ${ownUid}: start it as that user, or give it the directory with chown -R`,
      )
    }
    return { user: undefined, run: (file, args, cwd) => execute(file, args, cwd) }
  }

  const user = owner === 0 ? await findUser() : { uid: owner, gid: ownerGroup, name: String(owner) }
  if (owner === 0) await giveAway(directory, user)
  const { uid, gid } = user

  const closed = await firstClosed([directory, ...programs], user)
  if (closed === undefined) {
    return { user, run: (file, args, cwd) => execute(file, args, cwd, { uid, gid }) }
  }
  // Somewhere above lies a folder that this user may not enter (/root is 0700). The capability to read and search,
  // and no other, gets it through.
  const prefix = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=-all,+dac_read_search',
    '--ambient-caps=-all,+dac_read_search',
    '--',
  ]
  const trial = await execute('setpriv', [...prefix, 'true'], '/').catch((error: unknown) => ({
    code: null,
    output: String(error),
  }))
  if (trial.code !== 0) {
    throw new StartupError(
      `PostgreSQL does not run as root, and user ${user.name} may not enter ${closed} (setpriv: ${trial.output.trim()}): start this program as an ordinary user, put DATA_DIR and the program where others may enter, or set DATABASE_URL`,
    )
  }
  return { user, run: (file, args, cwd) => execute('setpriv', [...prefix, file, ...args], cwd) }
}

async function findUser(): Promise<User> {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] = entries.find((entry) => entry[0] === wanted) ?? []
    if (name && Number(uid) > 0 && Number(gid) > 0) return { uid: Number(uid), gid: Number(gid), name }
  }
  throw new StartupError(
    'PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody: start this program as an ordinary user, or set DATABASE_URL',
  )
}

async function giveAway(directory: string, user: User): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true })) {
    await lchown(join(directory, entry), user.uid, user.gid)
  }
  // Last, so that a run that is stopped in the middle does it again.
  await chown(directory, user.uid, user.gid)
}

/** The first folder above the paths that the user may not enter, or undefined. Access lists are not looked at. */
async function firstClosed(paths: readonly string[], user: User): Promise<string | undefined> {
  for (const path of paths) {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const { uid, gid, mode } = await stat(folder)
      const mayEnter = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
      if ((mode & mayEnter) === 0) return folder
      if (folder === dirname(folder)) break
    }
  }
  return undefined
}

function execute(
  file: string,
  args: readonly string[],
  cwd: string,
  user: { uid?: number; gid?: number } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nothing of ours leaks in: no PG* variable, no locale that is not installed, no secret.
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      ...user,
    })
    let output = ''
    const collect = (text: string) => {
      output = (output + text).slice(-20_000)
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
