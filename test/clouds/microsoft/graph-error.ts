// Refusals in the shapes of Graph, of SharePoint's upload hosts (which write `innererror` in lower case) and of Entra.

import { randomUUID } from 'node:crypto'
import type { CloudAnswer } from '../cloud-server.ts'

export class Refusal extends Error {
  readonly answer: CloudAnswer
  constructor(answer: CloudAnswer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}

/** An error of Graph; `inner` are the codes below the outermost one. */
export function refuse(
  status: number,
  code: string,
  message: string,
  inner: readonly string[] = [],
): Refusal {
  const requestId = randomUUID()
  const body = { error: { code, message, innerError: innerError(inner, requestId) } }
  return new Refusal({ status, headers: { 'request-id': requestId }, body })
}

/** An error of the host that takes upload fragments. */
export function refuseUpload(
  status: number,
  code: string,
  message: string,
  inner: readonly string[] = [],
): Refusal {
  const innererror = inner.reduceRight<unknown>(
    (below, name) => ({ code: name, ...(below ? { innererror: below } : {}) }),
    undefined,
  )
  return new Refusal({ status, body: { error: { code, message, ...(innererror ? { innererror } : {}) } } })
}

function innerError(codes: readonly string[], requestId: string): unknown {
  const base = {
    date: new Date().toISOString().slice(0, 19),
    'request-id': requestId,
    'client-request-id': requestId,
  }
  const [first, ...rest] = codes
  if (first === undefined) return base
  return { code: first, ...base, ...(rest.length > 0 ? { innerError: innerError(rest, requestId) } : {}) }
}

const SIGN_IN_ERRORS: Readonly<Record<number, readonly [status: number, error: string, text: string]>> = {
  7000215: [401, 'invalid_client', 'Invalid client secret provided.'],
  7000222: [401, 'invalid_client', 'The provided client secret keys are expired.'],
  700016: [400, 'unauthorized_client', 'Application was not found in the directory.'],
  90002: [400, 'invalid_request', 'Tenant not found.'],
  900023: [
    400,
    'invalid_request',
    'Specified tenant identifier is neither a valid DNS name nor a valid external domain.',
  ],
  900144: [400, 'invalid_request', 'The request body must contain a required parameter.'],
  70003: [400, 'unsupported_grant_type', 'The app requested an unsupported grant type.'],
  1002012: [
    400,
    'invalid_scope',
    'The provided value for scope is not valid. Client credential flows must have a scope suffixed with /.default.',
  ],
  70011: [400, 'invalid_scope', 'The provided value for the input parameter scope is not valid.'],
  7000112: [401, 'invalid_client', 'Application is disabled.'],
  7000229: [401, 'invalid_client', 'The client application is missing service principal in the tenant.'],
  500011: [400, 'invalid_resource', 'The resource principal was not found in the tenant.'],
  53003: [400, 'invalid_grant', 'Access has been blocked by Conditional Access policies.'],
  50196: [
    429,
    'temporarily_unavailable',
    'The server terminated an operation because it encountered a client request loop.',
  ],
  90033: [503, 'temporarily_unavailable', 'A transient error has occurred. Please try again.'],
  90012: [503, 'temporarily_unavailable', 'The request timed out.'],
}

/** A refusal of the token endpoint by its AADSTS number. */
export function refuseSignIn(number: number): Refusal {
  const [status, error, text] = SIGN_IN_ERRORS[number] ?? [
    400,
    'invalid_request',
    'The request is not valid.',
  ]
  return new Refusal({ status, body: signInBody(number, error, text) })
}

function signInBody(number: number, error: string, text: string): unknown {
  const [trace, correlation] = [randomUUID(), randomUUID()]
  return {
    error,
    error_description: `AADSTS${number}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: 2026-11-23 12:00:00Z`,
    error_codes: [number],
    timestamp: '2026-11-23 12:00:00Z',
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${number}`,
  }
}

const PLAIN_CODES: Readonly<Record<number, string>> = {
  400: 'invalidRequest',
  401: 'InvalidAuthenticationToken',
  403: 'accessDenied',
  404: 'itemNotFound',
  409: 'nameAlreadyExists',
  412: 'resourceModified',
  416: 'invalidRange',
  423: 'resourceLocked',
  429: 'activityLimitReached',
  502: 'serviceNotAvailable',
  503: 'serviceNotAvailable',
  504: 'UnknownError',
  507: 'quotaLimitReached',
}

/** The body of a status that a test asked for. */
export function plainErrorBody(status: number, operation: string): unknown {
  if (operation === 'token' || operation === 'discovery') {
    if (status === 429) return signInBody(50196, 'temporarily_unavailable', 'Client request loop.')
    return signInBody(90033, 'temporarily_unavailable', 'A transient error has occurred.')
  }
  const code = PLAIN_CODES[status] ?? 'generalException'
  return { error: { code, message: `status ${status}`, innerError: { 'request-id': randomUUID() } } }
}
