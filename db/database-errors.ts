// What an error of the database means for the caller: the database is away and comes back, or it refuses a value. Codes are those of PostgreSQL's Appendix A.

import { DatabaseError } from 'pg'
import { errnoOf } from './machine/errno.ts'

const AWAY_CODES = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53300', // too_many_connections
  '57014', // query_canceled: the statement timeout
  '55P03', // lock_not_available
  '40001', // serialization_failure
  '40P01', // deadlock_detected
])

const AWAY_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** pg throws these as plain errors without a code. */
const AWAY_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Query read timeout',
]

/** True when the database cannot be reached or is too busy: the same request may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway)
  if (error instanceof DatabaseError) {
    return error.code !== undefined && (AWAY_CODES.has(error.code) || error.code.startsWith('08'))
  }
  if (!(error instanceof Error)) return false
  if (AWAY_ERRNOS.has(errnoOf(error))) return true
  return AWAY_MESSAGES.some((message) => error.message.startsWith(message))
}

/** True for class 22, such as a NUL in a text or a time that does not exist: the value is at fault. */
export function isRefusedValue(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith('22') === true
}

/** True when the server is there and refuses the user, the password or the database of the URL. */
export function isRefusedLogin(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code?.startsWith('28') === true || error.code === '3D000')
}
