// `npm run bench crash`: the whole program (`npm start`, embedded servers) uploads 2 GiB to each cloud at once, is killed by
// SIGKILL in the middle, and is started again. Shows where each upload went on, what was sent twice, and what is there.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { createApi } from '../demo/api.ts'
import { tableLines } from '../demo/screen/table.ts'
import { API_TOKEN, type RunningProgram, startProgram } from '../support/program.ts'
import { GIB, MIB, writeRandom } from './archives.ts'
import type { BenchContext } from './context.ts'
import { type Emulator, startEmulators } from './emulators.ts'
import { peakBytes } from './process-figures.ts'
import { mib, note, ratio, say, size } from './report.ts'

const DEADLINE_MS = 600_000
/** Killed when every cloud has got this part. */
const KILL_SHARE = 0.3
const INSTANCE = 'acme'

type Row = {
  readonly kind: string
  readonly killed: string
  readonly resumed: string
  readonly sent: string
  readonly attempts: string
  readonly files: string
}

export async function crash(context: BenchContext): Promise<void> {
  const { folder, options, atEnd } = context
  const { sizeBytes = 2 * GIB, clouds = PROVIDER_KINDS } = options
  const emulators = await startEmulators(context, clouds)
  const environment = {
    DATA_DIR: join(folder, 'data'),
    NODE_EXTRA_CA_CERTS: emulators.caFile,
    ...Object.assign({}, ...emulators.all.map(({ env }) => env)),
  }
  const signal = AbortSignal.timeout(DEADLINE_MS)
  let program = await startProgram(environment)
  atEnd(() => program.stop())
  const api = createApi(program.url, API_TOKEN, signal)
  await api.addInstance({ slug: INSTANCE, name: 'Acme' })
  const accounts = new Map<string, Emulator>()
  for (const cloud of emulators.all) {
    const { kind, credentials, settings } = cloud
    const account = await api.addAccount({ name: kind, provider: kind, credentials, settings })
    await api.addBinding(INSTANCE, { account_id: account.id, keep_last: null })
    accounts.set(account.id, cloud)
  }
  const archive = `${INSTANCE}/archive.dump`
  note(`writing ${size(sizeBytes)} of random bytes`)
  await writeRandom(join(folder, 'data', 'backups', archive), sizeBytes)
  const run = await api.startRun({
    instance: INSTANCE,
    archive,
    database: 'acme',
    finished_at: new Date().toISOString(),
  })
  const atKill = await untilMiddle(emulators.all, sizeBytes, signal)
  const peaks = [await peakBytes(program.pid)]
  await program.crash()
  note('killed; starting again')
  program = await startProgram(environment)
  const again = createApi(program.url, API_TOKEN, signal)
  const settled = await untilSettled(again, run.id, program, peaks, signal)
  if (settled.cloud_status !== 'uploaded')
    throw new Error(`the run ended as ${settled.cloud_status}: ${JSON.stringify(settled.cloud_sync_status)}`)
  const resumed = await again.resumedFrom(run.id)
  const rows: Row[] = []
  for (const [id, cloud] of accounts) {
    const { files, bytes } = await cloud.state()
    const offset = resumed.find(({ accountId }) => accountId === id)?.offset
    rows.push({
      kind: cloud.kind,
      killed: mib(atKill.get(cloud.kind) ?? 0),
      resumed: offset === undefined ? 'from 0' : mib(offset),
      sent: ratio(bytes / sizeBytes, 3),
      attempts: String(settled.cloud_sync_status[id]?.attempt ?? ''),
      files: `${files.length} (${files.map((file) => (file.size === sizeBytes ? 'whole' : file.size)).join(', ')})`,
    })
  }
  say(`${size(sizeBytes)} to ${emulators.all.length} clouds at once, kill -9 in the middle`)
  for (const line of tableLines(COLUMNS, rows, 120)) say(line)
  say()
  say(`peak memory of the program: ${peaks.map(mib).join(' MiB before the kill, ')} MiB after it`)
  if (peaks.some((peak) => peak >= 300 * MIB)) say('ABOVE 300 MiB')
}

/** Resolves with the bytes that each cloud has got, as soon as all have got their part. */
async function untilMiddle(clouds: readonly Emulator[], sizeBytes: number, signal: AbortSignal) {
  for (;;) {
    const states = await Promise.all(
      clouds.map(async (cloud) => [cloud.kind, (await cloud.state()).bytes] as const),
    )
    if (states.every(([, bytes]) => bytes > KILL_SHARE * sizeBytes)) return new Map(states)
    await delay(50, undefined, { signal })
  }
}

async function untilSettled(
  api: ReturnType<typeof createApi>,
  runId: string,
  program: RunningProgram,
  peaks: number[],
  signal: AbortSignal,
) {
  for (;;) {
    const run = await api.run(runId)
    peaks[1] = await peakBytes(program.pid)
    if (run.cloud_status !== 'pending') return run
    await delay(250, undefined, { signal })
  }
}

const COLUMNS = [
  { title: 'cloud', cell: (row: Row) => row.kind },
  { title: 'MiB at the kill', align: 'right' as const, cell: (row: Row) => row.killed },
  { title: 'went on at MiB', align: 'right' as const, cell: (row: Row) => row.resumed },
  { title: 'arrived ÷ size', align: 'right' as const, cell: (row: Row) => row.sent },
  { title: 'attempts', align: 'right' as const, cell: (row: Row) => row.attempts },
  { title: 'files there', cell: (row: Row) => row.files },
]
