// The run that a request names.

import type { Db } from '../../db/database.ts'
import { getRun } from '../../db/runs/runs.ts'
import type { Run } from '../../db/schema.ts'
import { orNotFound } from '../http/problem.ts'

/** Throws a 404 when there is no run of this ID. */
export async function knownRun(db: Db, id: string): Promise<Run> {
  return orNotFound(await getRun(db, id), 'run')
}
