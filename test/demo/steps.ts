// The steps of the demo in order, from three empty clouds to the finished runs. Each says on the screen what it did.

import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { formatBytes } from '../../workflows/runs/destination.ts'
import type { ProviderKind } from '../../workflows/types.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import type { ApiRun, ApiState, DemoApi } from './api.ts'
import { type ArchiveKind, checkArchive, writeArchive } from './archives/index.ts'
import { hashArchive, type LocalHashes } from './outcome/local-hashes.ts'
import type { FinishedBackup } from './outcome/outcome.ts'
import { ACCOUNTS, archiveName, databaseOf, INSTANCES } from './scenario.ts'
import { type BackupProgress, createNews, progressLines } from './screen/progress.ts'
import type { Screen } from './screen/screen.ts'
import { stateOf } from './state.ts'

const POLL_MS = 150
const UPLOADS_DEADLINE_MS = 300_000

export type WrittenArchive = {
  readonly instance: string
  readonly kind: ArchiveKind
  /** Absolute. */
  readonly path: string
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly hashes: LocalHashes
}

export type StartedBackup = { readonly archive: WrittenArchive; readonly runId: string }

/** Writes today's backups below `root` and opens each again. */
export async function writeArchives(
  root: string,
  now: Date,
  screen: Screen,
  signal: AbortSignal,
): Promise<WrittenArchive[]> {
  const written: WrittenArchive[] = []
  for (const { slug, backups } of INSTANCES) {
    for (const { kind, bytes } of backups) {
      const name = archiveName(kind, now)
      const path = join(root, slug, name)
      screen.draw([`· Archive   ${slug}/${name} is being written`])
      const size = await writeArchive({ kind, path, database: databaseOf(slug), bytes, signal })
      const content = await checkArchive(kind, path)
      const hashes = await hashArchive(path, signal)
      const what = kind === 'dump' ? 'tables' : 'files'
      screen.draw([])
      screen.print(
        `✓ Archive   ${slug}/${name}, ${formatBytes(size)}, ${content.length} ${what}, reads back whole`,
      )
      written.push({ instance: slug, kind, path, name, size, hashes })
    }
  }
  return written
}

/** Makes instances, accounts and bindings by the API, and lets it try each account. Returns the bindings made. */
export async function setUp(api: DemoApi, clouds: readonly CloudDouble[]): Promise<number> {
  const accountIds = new Map<ProviderKind, string>()
  for (const { name, provider } of ACCOUNTS) {
    const cloud = clouds.find(({ kind }) => kind === provider)
    if (cloud === undefined) throw new Error(`no cloud plays ${provider}`)
    const { credentials, settings } = cloud
    const { id } = await api.addAccount({ name, provider, credentials, settings })
    accountIds.set(provider, id)
    const check = await api.checkAccount(id)
    if (!check.ok) throw new Error(`the account ${name} does not work: ${check.detail}`)
  }
  let count = 0
  for (const { slug, name, bindings } of INSTANCES) {
    await api.addInstance({ slug, name })
    for (const { provider, keepLast } of bindings) {
      await api.addBinding(slug, { account_id: accountIds.get(provider) ?? '', keep_last: keepLast })
      count += 1
    }
  }
  return count
}

/** Reports every archive as a finished backup, as an orchestrator does. */
export async function reportBackups(
  api: DemoApi,
  archives: readonly WrittenArchive[],
  now: Date,
): Promise<StartedBackup[]> {
  const started: StartedBackup[] = []
  for (const archive of archives) {
    const run = await api.startRun({
      instance: archive.instance,
      archive: `${archive.instance}/${basename(archive.path)}`,
      database: databaseOf(archive.instance),
      finished_at: now.toISOString(),
    })
    started.push({ archive, runId: run.id })
  }
  return started
}

/** Shows the progress until every run is finished. `remarks` is asked at each look for lines that are to be told. */
export async function followRuns(options: {
  readonly api: DemoApi
  readonly started: readonly StartedBackup[]
  readonly screen: Screen
  readonly signal: AbortSignal
  readonly remarks: () => readonly string[]
}): Promise<FinishedBackup[]> {
  const { api, started, screen, signal, remarks } = options
  const news = createNews()
  const deadline = Date.now() + UPLOADS_DEADLINE_MS
  for (;;) {
    const backups = await Promise.all(
      started.map(async ({ archive, runId }) => ({ archive, run: await api.run(runId) })),
    )
    const progress = backups.map(({ archive, run }): BackupProgress => {
      const { instance, name, size } = archive
      return { instance, archive: name, size, destinations: statesOf(run) }
    })
    for (const line of remarks()) screen.print(line)
    if (screen.isLive) screen.draw(['', ...progressLines(progress, screen.width)])
    else for (const line of news(progress)) screen.print(line)
    if (backups.every(({ run }) => run.sync_finished_at !== null)) {
      screen.keep()
      return backups.map(({ archive, run }) => {
        const { instance, name, size, hashes } = archive
        return { instance, archive: name, size, hashes, run }
      })
    }
    if (Date.now() > deadline) throw new Error(`not finished after ${UPLOADS_DEADLINE_MS / 60_000} minutes`)
    await delay(POLL_MS, undefined, { signal })
  }
}

/** In the order of the accounts; a destination that the run does not name yet waits. */
function statesOf(run: ApiRun): ApiState[] {
  const states = Object.values(run.cloud_sync_status)
  return ACCOUNTS.map(
    ({ name, provider }) =>
      states.find(({ account }) => account === name) ?? stateOf({ account: name, provider }),
  )
}
