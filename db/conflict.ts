// The one typed error of the query modules: what the caller asked for conflicts with what is stored.
// It carries a kind for programs and a sentence for people, never SQL or a stored secret.

import { DatabaseError } from 'pg'

type ConflictKind =
  /** Another row has this value already. */
  | 'duplicate'
  /** Other rows still refer to the one that is to be deleted. */
  | 'still_referenced'
  /** Two bindings of one account would count each other's files. */
  | 'folder_overlap'
  /** The run_id belongs to another archive or instance. */
  | 'run_id_conflict'
  /** The row that is named does not exist. */
  | 'not_found'
  /** A value that the checks of the input should have refused, such as a cursor that was made up. */
  | 'invalid'

export class DbConflict extends Error {
  override readonly name = 'DbConflict'
  readonly kind: ConflictKind
  /** The field of the request that is at fault. */
  readonly field: string

  constructor(kind: ConflictKind, field: string, message: string) {
    super(message)
    this.kind = kind
    this.field = field
  }
}

const UNIQUE_VIOLATION = '23505'
const FOREIGN_KEY_VIOLATION = '23503'
const RESTRICT_VIOLATION = '23001'

/**
 * Runs a query and turns the violation of a named constraint into a DbConflict; anything else is thrown as it
 * is. `conflicts` is keyed by the constraint's name.
 */
export async function withConflicts<T>(
  conflicts: Readonly<Record<string, () => DbConflict>>,
  query: () => Promise<T>,
): Promise<T> {
  try {
    return await query()
  } catch (error) {
    if (error instanceof DatabaseError && isConstraintCode(error.code) && error.constraint !== undefined) {
      const conflict = Object.hasOwn(conflicts, error.constraint) ? conflicts[error.constraint] : undefined
      if (conflict !== undefined) {
        throw conflict()
      }
    }
    throw error
  }
}

function isConstraintCode(code: string | undefined): boolean {
  return code === UNIQUE_VIOLATION || code === FOREIGN_KEY_VIOLATION || code === RESTRICT_VIOLATION
}
