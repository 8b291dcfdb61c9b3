// Runs programs that refuse to run as root (PostgreSQL does) as somebody else when this program runs as root,
// and as ourselves otherwise. Never changes an account of the machine; chowns only the directory that it is given.
import { chown, lchown, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Finished, runProgram } from '../machine/run-program.ts'
import { StartupError } from '../process/startup-error.ts'
import { mountedWay, readingWay, type WayIn } from './way-in.ts'

export type Runner = {
  /** The user the programs run as; undefined when they run as ourselves. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** Where the programs find the file that lies at `path`: what stands in their arguments goes through it. */
  readonly inside: (path: string) => string
  /** Runs to the end or to the abort of `signal`; rejects only when the program cannot be started. */
  readonly run: (
    file: string,
    args: readonly string[],
    cwd: string,
    signal?: AbortSignal,
  ) => Promise<Finished>
}

type User = { readonly uid: number; readonly gid: number; readonly name: string }

type RunnerOptions = {
  /** Where the programs work; it exists. Its real path. */
  readonly directory: string
  /** The folder with the programs, by its real path, and one of them. */
  readonly programs: string
  readonly program: string
  readonly log: { warn(message: string): void }
}

/**
 * A runner for programs. As root it picks the owner of the directory when that is not root, else `postgres`, else
 * `nobody`, and gives the directory to that user. Warns when that user gets the right to read every file. Throws when the
 * directory belongs to somebody else, or when there is no way for that user to the files.
 */
export async function createRunner(options: RunnerOptions): Promise<Runner> {
  const { directory, program } = options
  const ownUid = process.getuid?.()
  const { uid: owner, gid: ownerGroup } = await stat(directory)
  const inside = (path: string) => path
  if (ownUid !== 0) {
    if (ownUid !== undefined && owner !== ownUid) {
      throw new StartupError(
        `${directory} belongs to user ${owner}, and this program runs as user ${ownUid}: start it as that user, or give it the directory with chown -R`,
      )
    }
    return {
      user: undefined,
      inside,
      run: (file, args, cwd, signal) => runProgram(file, args, { cwd, signal }),
    }
  }

  const user = owner === 0 ? await findUser() : { uid: owner, gid: ownerGroup, name: String(owner) }
  if (owner === 0) await giveAway(directory, user)
  const { uid, gid } = user

  const closed = await firstClosed([directory, program], user)
  if (closed === undefined) {
    const own = { uid, gid }
    return {
      user,
      inside,
      run: (file, args, cwd, signal) => runProgram(file, args, { cwd, signal, user: own }),
    }
  }
  return throughClosedFolder(options, user, closed)
}

async function throughClosedFolder(options: RunnerOptions, user: User, closed: string): Promise<Runner> {
  const { directory, programs, program, log } = options
  const mounted = await mountedWay(user, { programs, data: directory })
  const noMount =
    mounted === undefined
      ? 'no folder to mount on'
      : await whyNot(runnerBy(mounted, user), program, directory)
  if (mounted !== undefined && noMount === undefined) return runnerBy(mounted, user)

  const reading = runnerBy(readingWay(user), user)
  const noReading = await whyNot(reading, program, directory)
  if (noReading === undefined) {
    log.warn(
      `PostgreSQL runs as user ${user.name} with the right to read every file of this machine, because ${user.name} may not enter ${closed} and this machine lets no private mount be made (${noMount}): start this program as an ordinary user, or put DATA_DIR and the program where others may enter`,
    )
    return reading
  }
  throw new StartupError(
    `PostgreSQL does not run as root, and user ${user.name} may not enter ${closed} (a private mount: ${noMount}; the right to read every file: ${noReading}): start this program as an ordinary user, put DATA_DIR and the program where others may enter, or set DATABASE_URL`,
  )
}

function runnerBy(way: WayIn, user: User): Runner {
  return {
    user: { uid: user.uid, gid: user.gid },
    inside: way.inside,
    run: (file, args, cwd, signal) => {
      const [first, ...rest] = way.command([way.inside(file), ...args], cwd)
      // `cwd` may be one that only the way leads to; what leads there starts as root.
      return runProgram(first ?? file, rest, { cwd, signal })
    },
  }
}

/** Why the runner does not get at the program, in one line; undefined when it does. */
async function whyNot(runner: Runner, program: string, directory: string): Promise<string | undefined> {
  // `test` asks as PostgreSQL does, by access(2).
  const { code, output } = await runner
    .run('test', ['-x', runner.inside(program)], directory)
    .catch((error: unknown) => ({ code: null, output: String(error) }))
  if (code === 0) return undefined
  return output.trim().split('\n')[0] || `${program} is closed to it`
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
