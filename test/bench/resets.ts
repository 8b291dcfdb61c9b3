// `npm run bench resets`: one archive to each cloud over a line that is reset 20 times at random places. Shows how much had
// to be sent again: bytes sent ÷ size (goal: below 1.05), and that one whole file is there.

import { join } from 'node:path'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { tableLines } from '../demo/screen/table.ts'
import { GIB, underNewName, writeRandom } from './archives.ts'
import { startBreakingLine } from './breaking-line.ts'
import type { BenchContext } from './context.ts'
import { type Emulator, startEmulators } from './emulators.ts'
import { note, ratio, say, seconds, size } from './report.ts'
import { startRig } from './rig.ts'

const RESETS = 20
const DEADLINE_MS = 600_000

type Row = {
  readonly kind: string
  readonly resets: string
  readonly handed: string
  readonly sent: string
  readonly arrived: string
  readonly attempts: string
  readonly time: string
  readonly files: string
}

export async function resets(context: BenchContext): Promise<void> {
  const { options, atEnd } = context
  const { sizeBytes = GIB, clouds = PROVIDER_KINDS } = options
  const emulators = await startEmulators(context, clouds)
  const lines = await Promise.all(
    emulators.all.map(async (cloud) => {
      const places = Array.from({ length: RESETS }, () => Math.random() * sizeBytes)
      const line = await startBreakingLine(
        cloud.port,
        places.toSorted((a, b) => a - b),
      )
      atEnd(line.close)
      return { cloud, line }
    }),
  )
  const rig = await startRig(context, {
    NODE_EXTRA_CA_CERTS: emulators.caFile,
    ...Object.assign({}, ...lines.map(({ cloud, line }) => throughLine(cloud, line.port))),
  })
  const file = join(rig.backupRoot, 'original', 'archive.dump')
  note(`writing ${size(sizeBytes)} of random bytes`)
  await writeRandom(file, sizeBytes)
  const rows: Row[] = []
  for (const { cloud, line } of lines) {
    const slug = await rig.bind(cloud.kind.replaceAll('_', '-'), [cloud])
    note(`${size(sizeBytes)} to ${cloud.kind} with ${RESETS} resets`)
    const figures = await underNewName(file, rig.backupRoot, `${slug}/archive.dump`, (archive) =>
      rig.upload(slug, archive, DEADLINE_MS),
    )
    const { files, bytes } = await cloud.state()
    rows.push({
      kind: cloud.kind,
      resets: String(line.breaks),
      handed: ratio(figures.sentBytes / sizeBytes, 3),
      sent: ratio(line.passed / sizeBytes, 3),
      arrived: ratio(bytes / sizeBytes, 3),
      attempts: String(figures.attempts),
      time: seconds(figures.wallMs),
      files: files.map((each) => (each.size === sizeBytes ? 'whole' : `of ${each.size} bytes`)).join(', '),
    })
  }
  say(`${size(sizeBytes)} with ${RESETS} resets at random places`)
  for (const line of tableLines(COLUMNS, rows, 120)) say(line)
  say()
  say(
    'handed over: to the system, whose buffers (some MiB a connection) are lost with a reset; sent: bytes on the line,',
  )
  say('TLS included; arrived: taken by the cloud, what it threw away of broken requests included')
}

/** The endpoints of a cloud, at the near end of its line. */
function throughLine(cloud: Emulator, port: number): Record<string, string> {
  return Object.fromEntries(
    Object.entries(cloud.env).map(([name, address]) => [
      name,
      address.replace(`127.0.0.1:${cloud.port}`, `127.0.0.1:${port}`),
    ]),
  )
}

const COLUMNS = [
  { title: 'cloud', cell: (row: Row) => row.kind },
  { title: 'resets', align: 'right' as const, cell: (row: Row) => row.resets },
  { title: 'handed over ÷ size', align: 'right' as const, cell: (row: Row) => row.handed },
  { title: 'sent ÷ size', align: 'right' as const, cell: (row: Row) => row.sent },
  { title: 'arrived ÷ size', align: 'right' as const, cell: (row: Row) => row.arrived },
  { title: 'attempts', align: 'right' as const, cell: (row: Row) => row.attempts },
  { title: 'seconds', align: 'right' as const, cell: (row: Row) => row.time },
  { title: 'files there', cell: (row: Row) => row.files },
]
