// A benchmark's own folder below the system's temporary one: everything it makes lies there and goes with it. What a
// benchmark that was killed has left behind, servers among it, is ended and removed by the next one.

import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { processIdentity } from '../../db/machine/process-identity.ts'
import { stopOrphan } from '../../temporal-dev/server/server-process.ts'

const PREFIX = 'cloud-sync-bench-'
const quiet = { info: () => undefined, warn: (message: string) => process.stderr.write(`${message}\n`) }

export type BenchFolder = { readonly path: string; remove(): Promise<void> }

export async function createBenchFolder(): Promise<BenchFolder> {
  await removeLeftovers()
  const path = await mkdtemp(join(tmpdir(), PREFIX))
  // PostgreSQL may run as another user, who has to get through.
  await chmod(path, 0o711)
  await writeFile(join(path, 'owner'), `${process.pid} ${await processIdentity(process.pid)}`)
  return { path, remove: () => remove(path) }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const path = join(tmpdir(), name)
    const [pid, identity] = (await readFile(join(path, 'owner'), 'utf8').catch(() => '')).split(' ')
    if (!pid || (await processIdentity(Number(pid))) === identity) continue
    await remove(path)
  }
}

/** Ends the servers of a program that was killed in it, and removes it. */
async function remove(path: string): Promise<void> {
  const data = join(path, 'data')
  await stopOrphan(join(data, 'temporal'), quiet)
  const directory = join(data, 'postgres')
  // Taking it over is the safe way to end it.
  if (await isThere(join(directory, 'cluster', 'postmaster.pid')))
    await (await startEmbeddedPostgres({ directory, log: quiet })).stop()
  await rm(path, { recursive: true, force: true, maxRetries: 10 })
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
