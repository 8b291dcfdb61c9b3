// How much of what the tests of one process left behind was searched for planted secrets (secret-search.ts).

import { z } from 'zod'

export const searchedFigures = z.object({
  secrets: z.number(),
  histories: z.number(),
  rows: z.number(),
  answers: z.number(),
  log_lines: z.number(),
})

export type Searched = z.infer<typeof searchedFigures>
