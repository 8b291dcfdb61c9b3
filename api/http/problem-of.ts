// Turns everything that a handler may throw into the problem that the caller sees. An error that is unknown here is a fault of
// this program: it is logged with its stack and shown as a bare 500.

import { HTTPException } from 'hono/http-exception'
import { DbConflict } from '../../db/conflict.ts'
import { isDatabaseAway, isRefusedValue } from '../../db/database-errors.ts'
import type { Logger } from '../../db/process/log.ts'
import { ActivityRefused, NoWorkerAnswered, TemporalUnavailable } from '../temporal/failures.ts'
import { isProblemStatus, Problem } from './problem.ts'

const RETRY_AFTER = { 'retry-after': '5' }

/** `where` names the request in the log: its method and route, never its query string or body. */
export function problemOf(error: unknown, log: Logger, where: string): Problem {
  if (error instanceof Problem) return error
  if (error instanceof DbConflict) return conflictProblem(error)
  if (error instanceof HTTPException) return httpProblem(error)
  if (error instanceof TemporalUnavailable) {
    log.warn({ err: error, where }, 'Temporal does not answer')
    return new Problem(503, 'Temporal does not answer at the moment.', { headers: RETRY_AFTER })
  }
  if (isDatabaseAway(error)) {
    log.warn({ err: error, where }, 'the database does not answer')
    return new Problem(503, 'The database does not answer at the moment.', { headers: RETRY_AFTER })
  }
  if (error instanceof NoWorkerAnswered) {
    return new Problem(503, 'No worker answered in time: is one running?', {
      code: 'no_worker_for_queue',
      headers: RETRY_AFTER,
    })
  }
  if (error instanceof ActivityRefused) return refusalProblem(error)
  if (isRefusedValue(error)) {
    return new Problem(422, 'A value in the request cannot be stored.', { code: 'invalid_input' })
  }
  log.error({ err: error, where }, 'a request failed')
  return new Problem(500, 'A fault of this program; the log says more.', { code: 'internal_error' })
}

function conflictProblem({ kind, field, message }: DbConflict): Problem {
  const errors = [{ path: field, message }]
  switch (kind) {
    case 'run_id_conflict':
      return new Problem(409, message, { code: 'run_id_conflict', errors })
    case 'duplicate':
    case 'still_referenced':
    case 'folder_overlap':
      return new Problem(409, message, { errors })
    case 'not_found':
      return new Problem(422, message, { code: notFoundCode(field), errors })
    case 'invalid':
      return new Problem(422, message, { code: 'invalid_input', errors })
  }
}

function notFoundCode(field: string) {
  if (field === 'instance') return 'unknown_instance'
  return field === 'account_id' ? 'unknown_account' : 'invalid_input'
}

function httpProblem(error: HTTPException): Problem {
  const { status } = error
  if (status === 400) return new Problem(400, 'The body is not the JSON that was announced.')
  if (status === 415) return new Problem(415, 'Send the body as application/json.')
  return isProblemStatus(status) ? new Problem(status, error.message) : new Problem(500, 'Unexpected error.')
}

/** For an activity that asked the provider and failed. */
function refusalProblem({ code, message, fact, advice }: ActivityRefused): Problem {
  const explanation = { fact, advice }
  switch (code) {
    case 'unknown_account':
    case 'invalid_input':
      return new Problem(404, message, { code, explanation })
    case 'credentials_unreadable':
      return new Problem(409, 'The account needs its credentials again: no key opens those that are saved.', {
        code,
      })
    case 'database_missing':
      return new Problem(422, message, { code, errors: [{ path: 'database', message }] })
    case 'rate_limited':
      return new Problem(503, message, { code, explanation, headers: { 'retry-after': '60' } })
    case 'internal_error':
      return new Problem(500, 'A fault of this program; the log of the worker says more.', { code })
    default:
      return new Problem(502, message, { code, explanation })
  }
}
