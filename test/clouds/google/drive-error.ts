// Error bodies in the shapes of Drive and of Google's token endpoint (docs/providers.md, 1.1 and 1.7).

import type { CloudAnswer } from '../cloud-server.ts'

/** Thrown by the emulator's parts where the real service would refuse; becomes the answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: CloudAnswer

  constructor(answer: CloudAnswer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}

/** The envelope of Drive v3; also useful as the `body` of a status fault. */
export function driveErrorBody(status: number, reason: string, message: string, domain = 'global'): unknown {
  return { error: { code: status, message, errors: [{ domain, reason, message }] } }
}

export function refuse(status: number, reason: string, message: string, domain = 'global'): Refusal {
  return new Refusal({ status, body: driveErrorBody(status, reason, message, domain) })
}

export function notFound(id: string): Refusal {
  return refuse(404, 'notFound', `File not found: ${id}.`)
}

export function storageQuotaExceeded(message: string): Refusal {
  return refuse(403, 'storageQuotaExceeded', message, 'usageLimits')
}

export function tokenRefusal(status: number, error: string, description: string): Refusal {
  return new Refusal({ status, body: { error, error_description: description } })
}

const PLAIN_REASONS: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ['badRequest', 'Bad Request'],
  401: ['authError', 'Invalid Credentials'],
  403: ['insufficientFilePermissions', 'The user does not have sufficient permissions for this file.'],
  404: ['notFound', 'File not found: .'],
  409: ['conflict', 'Conflict'],
  410: ['internalError', 'Gone'],
  429: ['rateLimitExceeded', 'Rate Limit Exceeded'],
}

/** The body for a plain status fault. */
export function plainErrorBody(status: number, operation: string): unknown {
  if (operation === 'token') return { error: 'internal_failure', error_description: `status ${status}` }
  const [reason, message] = PLAIN_REASONS[status] ?? ['backendError', 'Backend Error']
  return driveErrorBody(status, reason, message)
}
