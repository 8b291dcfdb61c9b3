// What every benchmark gets.

import type { ProviderKind } from '../../workflows/types.ts'

export type BenchOptions = {
  readonly sizeBytes: number | undefined
  readonly rounds: number
  readonly clouds: readonly ProviderKind[] | undefined
}

export type BenchContext = {
  readonly folder: string
  readonly options: BenchOptions
  /** What is to be ended or closed afterwards, the last one first. */
  atEnd(stop: () => Promise<unknown>): void
}
