// `npm run bench [-- NAME… [--size 512MiB] [--rounds 3] [--clouds dropbox,onedrive]]`: what the program costs and
// withstands, measured against the emulated clouds on loopback. Ends by itself; leaves nothing behind. Linux only.

import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { PROVIDER_KINDS } from '../../workflows/types.ts'
import { GIB, MIB } from './archives.ts'
import { createBenchFolder } from './bench-folder.ts'
import type { BenchContext, BenchOptions } from './context.ts'
import { crash } from './crash.ts'
import { history } from './history.ts'
import { memory } from './memory.ts'
import { note, say } from './report.ts'
import { resets } from './resets.ts'
import { throughput } from './throughput.ts'

const BENCHES = { throughput, memory, resets, crash, history } as const
const DEADLINE_MS = 1_800_000
const LATE_MS = 20_000

const names = z.array(z.enum(['throughput', 'memory', 'resets', 'crash', 'history']))
const values = z.object({
  size: z
    .string()
    .regex(/^\d{1,6}[MG]iB$/, 'must be a size such as 512MiB or 2GiB')
    .transform((text) => Number.parseInt(text, 10) * (text.endsWith('GiB') ? GIB : MIB))
    .optional(),
  rounds: z.coerce.number().int().min(1).max(50).default(3),
  clouds: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(PROVIDER_KINDS)).min(1))
    .optional(),
})

async function main(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the benchmarks read /proc: they run on Linux')
  const given = parseArgs({
    allowPositionals: true,
    options: { size: { type: 'string' }, rounds: { type: 'string' }, clouds: { type: 'string' } },
  })
  const chosen = names.parse(given.positionals)
  const { size, rounds, clouds } = values.parse(given.values)
  const options = { sizeBytes: size, rounds, clouds }
  for (const name of chosen.length === 0 ? (['throughput'] as const) : chosen) {
    await one(BENCHES[name], options)
    say()
  }
}

/** Runs it in a folder of its own; a signal, or the deadline, ends it as a failure does. */
async function one(bench: (context: BenchContext) => Promise<void>, options: BenchOptions): Promise<void> {
  const folder = await createBenchFolder()
  const stops: (() => Promise<unknown>)[] = []
  const atEnd = (stop: () => Promise<unknown>) => void stops.push(stop)
  const { promise: interrupted, reject } = Promise.withResolvers<never>()
  const onSignal = (name: string) => reject(new Error(`stopped by ${name}`))
  // Ctrl-C may come twice (from the terminal, and handed on): the second one must not break the clearing up.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal)
  const bound = setTimeout(() => reject(new Error('it took too long')), DEADLINE_MS)
  const running = bench({ folder: folder.path, options, atEnd })
  try {
    await Promise.race([running, interrupted])
  } finally {
    clearTimeout(bound)
    await stopAll(stops)
    // One that was interrupted may just have started another process: it fails for want of the others.
    await Promise.race([Promise.allSettled([running]), delay(LATE_MS, undefined, { ref: false })])
    await stopAll(stops)
    await folder.remove()
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal)
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) {
    // The others must be ended all the same.
    await stop().catch((error: unknown) => note(`not ended cleanly: ${String(error)}`))
  }
}

try {
  await main()
} catch (error) {
  note(error instanceof z.ZodError ? z.prettifyError(error) : String(error))
  process.exitCode = 1
}
