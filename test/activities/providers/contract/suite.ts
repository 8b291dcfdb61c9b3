// What every part of the provider contract gets.

import type { Bench } from './bench.ts'
import type { ProviderTraits } from './traits.ts'

export type Suite = {
  readonly traits: ProviderTraits
  /** A test on the bench, in a folder of its own, whose bytes are counted for the table. */
  scenario(name: string, run: (bench: Bench) => Promise<void>): void
}
