// How the state of a destination lies in its row: the contract's fields as columns, objects as JSON.

import type { Insertable, Updateable } from 'kysely'
import type { DestinationState } from '../../workflows/types.ts'
import type { DestinationsTable } from '../schema.ts'

/** The fields of the contract's DestinationState: all of `destinations` but its key and its own clock. */
export const DESTINATION_COLUMNS = [
  'account',
  'provider',
  'binding_id',
  'status',
  'error',
  'remote_path',
  'remote_id',
  'size',
  'bytes_sent',
  'hash',
  'attempt',
  'started_at',
  'finished_at',
  'retention',
] as const satisfies readonly (keyof DestinationState & keyof DestinationsTable)[]

/** The fields that change; a field that is left out stays. */
export type DestinationPatch = {
  readonly [Field in keyof DestinationState]?: DestinationState[Field] | undefined
}

/** All columns but the key. */
export function toRow(state: DestinationState): Omit<Insertable<DestinationsTable>, 'run_id' | 'account_id'> {
  return {
    account: state.account,
    provider: state.provider,
    binding_id: state.binding_id,
    status: state.status,
    error: jsonOrNull(state.error),
    remote_path: state.remote_path,
    remote_id: state.remote_id,
    size: state.size,
    bytes_sent: state.bytes_sent,
    hash: jsonOrNull(state.hash),
    attempt: state.attempt,
    started_at: state.started_at,
    finished_at: state.finished_at,
    retention: jsonOrNull(state.retention),
  }
}

/** The columns that the patch changes. */
export function toPatch(patch: DestinationPatch): Updateable<DestinationsTable> {
  const { error, hash, retention, ...plain } = patch
  const given = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined))
  return {
    ...given,
    ...(error === undefined ? {} : { error: jsonOrNull(error) }),
    ...(hash === undefined ? {} : { hash: jsonOrNull(hash) }),
    ...(retention === undefined ? {} : { retention: jsonOrNull(retention) }),
  }
}

function jsonOrNull(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value)
}
