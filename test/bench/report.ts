// How figures are written: medians, because one run may have met a busy machine, and ratios of runs that stood side by side.

import { GIB, MIB } from './archives.ts'

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}

export function size(bytes: number): string {
  return bytes % GIB === 0 ? `${bytes / GIB} GiB` : `${mib(bytes)} MiB`
}

export function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}

export function ratio(value: number, digits = 2): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–'
}

export function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** What happens meanwhile: on standard error, so that the figures can be kept by themselves. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}
