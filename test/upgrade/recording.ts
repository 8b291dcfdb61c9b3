// What is recorded of an installation while its runs are made: which archives lie on its disk, which run is which, and which
// histories are wanted. Everything is asked of the program as its users ask it.

import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Client } from '@temporalio/client'
import type { CloudSyncStatus } from '../../workflows/types.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import type { FaultAction } from '../clouds/faults.ts'
import type { RunningProgram } from '../support/program.ts'
import { until } from '../support/until.ts'
import { archiveContent } from './archive-content.ts'

export const MIB = 1024 * 1024
/** Beyond every provider's way for small files, so that a session is used. */
export const LARGE = 24 * MIB + 4321
export const SMALL = 2_000
/** An ARCHIVE_TASK_QUEUE that the program serves. */
export const HOST_QUEUE = 'cloud-host7'

export type Run = {
  readonly id: string
  readonly instance: string
  readonly cloud_status: string
  readonly sync_finished_at: string | null
  readonly cloud_sync_status: CloudSyncStatus
}

export type Archive = { readonly path: string; readonly size: number; readonly mtime: number }

/** `kind`: the run itself ('run'), its pin ('pin'), or the account of a destination. */
export type History = { readonly name: string; readonly kind: string; readonly workflowId: string }

export type Installed = {
  readonly program: RunningProgram
  readonly temporal: Client
  readonly backupRoot: string
  readonly google: CloudDouble
  readonly dropbox: CloudDouble
  readonly onedrive: CloudDouble
}

export class Recording {
  readonly installed: Installed
  readonly clouds: readonly CloudDouble[]
  readonly histories: History[] = []
  readonly archives: Archive[] = []
  /** The IDs of the runs by their names. */
  readonly runs: Record<string, string> = {}

  constructor(installed: Installed) {
    this.installed = installed
    this.clouds = [installed.google, installed.dropbox, installed.onedrive]
  }

  async post<T = Record<string, unknown>>(path: string, body?: unknown): Promise<T> {
    const answer = await this.installed.program.api<T>('POST', path, body)
    if (answer.status >= 300) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  async writeArchive(path: string, size: number): Promise<string> {
    const absolute = join(this.installed.backupRoot, path)
    await mkdir(dirname(absolute), { recursive: true })
    await writeFile(absolute, archiveContent(path, size))
    // Whole seconds, so that the time can be set again exactly.
    const mtime = Math.floor(Date.now() / 1000) - 60
    await utimes(absolute, mtime, mtime)
    this.archives.push({ path, size, mtime })
    return path
  }

  async report(name: string, body: Record<string, unknown>): Promise<Run> {
    const reported = await this.post<Run>('/api/runs', body)
    this.runs[name] = reported.id
    return reported
  }

  async getRun(id: string): Promise<Run> {
    return (await this.installed.program.api<Run>('GET', `/api/runs/${id}`)).body
  }

  async settled({ id }: Pick<Run, 'id'>, expected = 'uploaded'): Promise<void> {
    const { cloud_status, cloud_sync_status } = await until(
      `run ${id} is settled`,
      async () => {
        const found = await this.getRun(id)
        return found.cloud_status === 'pending' ? null : found
      },
      120_000,
    )
    if (cloud_status !== expected) throw new Error(`${cloud_status}: ${JSON.stringify(cloud_sync_status)}`)
  }

  /** Has the histories of these kinds saved under the name. */
  remember(name: string, { id }: Pick<Run, 'id'>, instance: string, kinds: readonly string[]): void {
    const parent = `cloud-sync/${instance}/${id}`
    for (const kind of kinds) {
      const workflowId =
        kind === 'run' ? parent : kind === 'pin' ? `cloud-sync-pin/${instance}/${id}` : `${parent}/${kind}`
      this.histories.push({ name, kind, workflowId })
    }
  }
}

export function strike(
  cloud: CloudDouble,
  action: FaultAction,
  operation?: string,
  times = Number.POSITIVE_INFINITY,
): void {
  cloud.server.faults.add({ ...(operation === undefined ? {} : { operation }), times, action })
}

export function hangs(cloud: CloudDouble): Promise<true> {
  return until(`an upload to ${cloud.kind} hangs`, async () =>
    cloud.server.requests.some(({ fault, status }) => fault === 'stall_after' && status === 0) ? true : null,
  )
}
