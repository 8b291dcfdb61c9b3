// `npm run bench memory`: the peak of the worker's resident memory while an archive of 8 GiB (sparse) goes to each cloud,
// one after the other, and while one of 2 GiB goes to all of them at once. Goal: below 300 MiB.

import { join } from 'node:path'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { tableLines } from '../demo/screen/table.ts'
import { GIB, MIB, underNewName, writeSparse } from './archives.ts'
import type { BenchContext } from './context.ts'
import { startEmulators } from './emulators.ts'
import { cpuSeconds, forgetPeak, peakBytes } from './process-figures.ts'
import { mib, note, say, seconds, size } from './report.ts'
import { startRig } from './rig.ts'

const GOAL_BYTES = 300 * MIB
const SINGLE_BYTES = 8 * GIB
const PARALLEL_BYTES = 2 * GIB
const DEADLINE_MS = 600_000

type Row = {
  readonly to: string
  readonly size: string
  readonly peak: string
  readonly time: string
  readonly cpu: string
  readonly verdict: string
}

/** `--size` makes it the parallel uploads of that size alone. */
export async function memory(context: BenchContext): Promise<void> {
  const { options } = context
  const { clouds = PROVIDER_KINDS } = options
  const emulators = await startEmulators(context, clouds)
  const rig = await startRig(context, {
    NODE_EXTRA_CA_CERTS: emulators.caFile,
    ...Object.assign({}, ...emulators.all.map(({ env }) => env)),
  })
  const rows: Row[] = [
    {
      to: '(start)',
      size: '',
      peak: mib(await peakBytes(rig.pid)),
      time: '',
      cpu: '',
      verdict: '',
    },
  ]
  const measure = async (to: string, slug: string, bytes: number) => {
    note(`${size(bytes)} to ${to}`)
    const file = join(rig.backupRoot, 'original', `${slug}.dump`)
    await writeSparse(file, bytes)
    await forgetPeak(rig.pid)
    const cpuBefore = await cpuSeconds(rig.pid)
    const { wallMs } = await underNewName(file, rig.backupRoot, `${slug}/archive.dump`, (archive) =>
      rig.upload(slug, archive, DEADLINE_MS),
    )
    const peak = await peakBytes(rig.pid)
    rows.push({
      to,
      size: size(bytes),
      peak: mib(peak),
      time: seconds(wallMs),
      cpu: ((await cpuSeconds(rig.pid)) - cpuBefore).toFixed(1),
      verdict: peak < GOAL_BYTES ? 'below 300 MiB' : 'ABOVE 300 MiB',
    })
  }
  if (options.sizeBytes === undefined) {
    for (const cloud of emulators.all) {
      const slug = await rig.bind(cloud.kind.replaceAll('_', '-'), [cloud])
      await measure(cloud.kind, slug, SINGLE_BYTES)
    }
  }
  const all = await rig.bind('all', emulators.all)
  await measure(`all ${emulators.all.length} at once`, all, options.sizeBytes ?? PARALLEL_BYTES)
  say("peak of the worker's resident memory")
  for (const line of tableLines(COLUMNS, rows, 120)) say(line)
}

const COLUMNS = [
  { title: 'to', cell: (row: Row) => row.to },
  { title: 'archive', align: 'right' as const, cell: (row: Row) => row.size },
  { title: 'peak MiB', align: 'right' as const, cell: (row: Row) => row.peak },
  { title: 'seconds', align: 'right' as const, cell: (row: Row) => row.time },
  { title: 'CPU s', align: 'right' as const, cell: (row: Row) => row.cpu },
  { title: '', cell: (row: Row) => row.verdict },
]
