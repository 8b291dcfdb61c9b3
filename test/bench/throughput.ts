// `npm run bench`: the same archive to each emulated cloud, by this program and by rclone, in turn, through the same CONNECT
// proxy under the providers' real host names. Medians of the runs, and ratios run by run.
// Both are measured from the order to the end: ours from the start of the workflow until the copy is proven and the run
// is settled, by a worker that stays up, as it does in service; rclone's from the start of its process, as from cron.

import { join } from 'node:path'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { tableLines } from '../demo/screen/table.ts'
import { startConnectProxy } from '../support/network/connect-proxy.ts'
import { GIB, MIB, underNewName, writeRandom } from './archives.ts'
import type { BenchContext } from './context.ts'
import { type Emulator, startEmulators } from './emulators.ts'
import { cpuSeconds, forgetPeak, peakBytes } from './process-figures.ts'
import { createRclone, isOnPath, type Rclone, VARIANTS } from './rclone.ts'
import { median, mib, note, ratio, say, size } from './report.ts'
import { type Rig, startRig } from './rig.ts'

const UPLOAD_DEADLINE_MS = 300_000

type Figures = {
  readonly wallMs: number
  readonly uploadMs: number | null
  readonly cpuSeconds: number
  readonly peakBytes: number
}

type Contestant = { readonly title: string; run(round: number): Promise<Figures> }

type Row = { readonly kind: string; readonly title: string; readonly cells: readonly string[] }

export async function throughput(context: BenchContext): Promise<void> {
  const { folder, options, atEnd } = context
  const { sizeBytes = GIB, rounds, clouds = PROVIDER_KINDS } = options
  const emulators = await startEmulators(context, clouds)
  const proxy = await startConnectProxy(emulators.routes)
  atEnd(proxy.close)
  const way = { proxyUrl: proxy.url, caFile: emulators.caFile }
  const rig = await startRig(context, { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: emulators.caFile })
  const rclone = (await isOnPath()) ? await createRclone(folder, emulators.all, way) : null
  if (rclone === null) note('rclone is not on PATH: only this program is measured')
  const startPeak = await peakBytes(rig.pid)
  const file = join(rig.backupRoot, 'original', 'archive.dump')
  note(`writing ${size(sizeBytes)} of random bytes`)
  await writeRandom(file, sizeBytes)

  const rows: Row[] = []
  for (const cloud of emulators.all) {
    await rig.bind(slugOf(cloud), [cloud])
    const contestants = [
      ours(rig, cloud, file, sizeBytes),
      ...(rclone === null ? [] : theirs(rclone, cloud, file, sizeBytes)),
    ]
    const figures = contestants.map((): Figures[] => [])
    for (let round = 1; round <= rounds; round += 1) {
      for (const [index, contestant] of contestants.entries()) {
        const taken = await contestant.run(round)
        figures[index]?.push(taken)
        note(`${cloud.kind}, ${contestant.title}: ${(taken.wallMs / 1000).toFixed(2)} s`)
      }
    }
    const own = figures[0] ?? []
    for (const [index, { title }] of contestants.entries())
      rows.push(rowOf(cloud.kind, title, figures[index] ?? [], index === 0 ? null : own, sizeBytes))
  }
  say(`${size(sizeBytes)} of random bytes, medians of ${rounds} runs in turn`)
  for (const line of tableLines(COLUMNS, rows, 120)) say(line)
  say()
  say('ratio: this program divided by that rclone, run by run. "upload" is the upload activity alone.')
  say(`worker: ${mib(startPeak)} MiB at its peak while starting (workflow bundle), before any upload`)
}

const COLUMNS = [
  { title: 'cloud', cell: (row: Row) => row.kind },
  { title: 'program', cell: (row: Row) => row.title },
  ...['MiB/s', 'upload MiB/s', 'CPU s/GiB', 'peak MiB', 'speed ratio', 'CPU ratio', 'memory ratio'].map(
    (title, index) => ({ title, align: 'right' as const, cell: (row: Row) => row.cells[index] ?? '' }),
  ),
]

function rowOf(
  kind: string,
  title: string,
  runs: readonly Figures[],
  own: readonly Figures[] | null,
  sizeBytes: number,
): Row {
  const rate = (ms: number) => (sizeBytes / MIB / (ms / 1000)).toFixed(0)
  const inTurn = (figure: (run: Figures) => number) =>
    own === null
      ? ''
      : ratio(
          median(
            runs.map((run, index) => {
              const mine = own[index]
              return mine === undefined ? Number.NaN : figure(mine) / figure(run)
            }),
          ),
        )
  const uploads = runs.flatMap(({ uploadMs }) => (uploadMs === null ? [] : [uploadMs]))
  return {
    kind,
    title,
    cells: [
      rate(median(runs.map(({ wallMs }) => wallMs))),
      uploads.length === 0 ? '' : rate(median(uploads)),
      (median(runs.map((run) => run.cpuSeconds)) / (sizeBytes / GIB)).toFixed(2),
      mib(median(runs.map((run) => run.peakBytes))),
      inTurn(({ wallMs }) => 1 / wallMs),
      inTurn((run) => run.cpuSeconds),
      inTurn((run) => run.peakBytes),
    ],
  }
}

function ours(rig: Rig, cloud: Emulator, file: string, sizeBytes: number): Contestant {
  return {
    title: 'Cloud Sync',
    run: (round) =>
      underNewName(file, rig.backupRoot, `${slugOf(cloud)}/run-${round}.dump`, async (archive) => {
        await forgetPeak(rig.pid)
        const cpuBefore = await cpuSeconds(rig.pid)
        const { wallMs, uploadMs } = await rig.upload(slugOf(cloud), archive, UPLOAD_DEADLINE_MS)
        const cpu = (await cpuSeconds(rig.pid)) - cpuBefore
        await assertArrived(cloud, `run-${round}.dump`, sizeBytes)
        return { wallMs, uploadMs, cpuSeconds: cpu, peakBytes: await peakBytes(rig.pid) }
      }),
  }
}

function theirs(rclone: Rclone, cloud: Emulator, file: string, sizeBytes: number): Contestant[] {
  return VARIANTS[cloud.kind].map((variant, index) => ({
    title: variant.title,
    run: async (round) => {
      const name = `run-${round}-${index}.dump`
      const figures = await rclone.copy(file, cloud, name, variant)
      await assertArrived(cloud, name, sizeBytes)
      return { ...figures, uploadMs: null }
    },
  }))
}

async function assertArrived(cloud: Emulator, name: string, sizeBytes: number): Promise<void> {
  const { files } = await cloud.state()
  const found = files.filter(({ path }) => path.endsWith(`/${name}`))
  if (found.length !== 1 || found[0]?.size !== sizeBytes)
    throw new Error(`${cloud.kind} does not have one whole ${name}: ${JSON.stringify(found)}`)
}

function slugOf({ kind }: Emulator): string {
  return kind.replaceAll('_', '-')
}
