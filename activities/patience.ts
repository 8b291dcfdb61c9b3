// How long activities wait for a provider that did its work and does not show it yet, in ms. Passed to the activities, because
// tests wait for less time.

export type Patience = {
  /** For a hash that the provider has not computed: minutes (docs/providers.md, 3.3). */
  readonly hashMs: number
  /** For a file that the provider took: it can be read by its ID at once, or after seconds where its parts do not agree yet. */
  readonly fileMs: number
  /** From the first look that found nothing to the second; each pause is twice the one before. */
  readonly lookAgainMs: number
  /** For a file whose last request was cut, and may have arrived. */
  readonly cutRequestMs: number
  /** For a file whose every byte the provider says it has: it puts a large file together. */
  readonly assemblyMs: number
}

export const PATIENCE: Patience = {
  hashMs: 10 * 60_000,
  fileMs: 30_000,
  lookAgainMs: 1_000,
  cutRequestMs: 10_000,
  assemblyMs: 60_000,
}
