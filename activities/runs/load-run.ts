// A run as an activity needs it: one that the database does not know ends the activity.

import type { DbOrTransaction } from '../../db/database.ts'
import { getRun } from '../../db/runs/runs.ts'
import type { Run } from '../../db/schema.ts'
import { StepError } from '../failures.ts'

/** The row of a run. Throws StepError `run_unknown`. */
export async function knownRun(deps: { readonly db: DbOrTransaction }, runId: string): Promise<Run> {
  const run = await getRun(deps.db, runId)
  if (run === null)
    throw new StepError('run_unknown', `The database does not know the run ${JSON.stringify(runId)}.`)
  return run
}
