// Errors of the HTTP API as RFC 9457 problem documents. A handler throws a Problem from anywhere and `problemResponse`
// turns it into bytes. api/http/problem-of.ts translates everything that is not a Problem. No stack, no SQL and no provider's
// text ever gets into one.

import type { PinKind } from '../../db/schema.ts'
import type { ErrorCode } from '../../workflows/errors.ts'
import type { Explanation } from '../../workflows/explanation.ts'

export const PROBLEM_JSON = 'application/problem+json'

export type FieldError = { readonly path: string; readonly message: string }

const TITLES = {
  400: 'Bad request',
  401: 'Not logged in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content too large',
  415: 'Unsupported media type',
  417: 'Expectation failed',
  422: 'Unprocessable content',
  429: 'Too many requests',
  431: 'Headers too large',
  500: 'Internal error',
  501: 'Not supported here',
  502: 'The provider answered with an error',
  503: 'Service unavailable',
  504: 'No answer in time',
} as const

export type ProblemStatus = keyof typeof TITLES

type ProblemDocument = {
  /** `about:blank`, or the URN of an error code. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code?: ErrorCode
  readonly errors?: readonly FieldError[]
  readonly run_id?: string
  /** How the archive of that run is kept. */
  readonly pin?: PinKind | null
  /** Of /readyz: which part is away. */
  readonly checks?: Readonly<Record<string, string>>
}

type ProblemOptions = {
  /** A code of workflows/errors.ts, where one fits. */
  readonly code?: ErrorCode | undefined
  readonly errors?: readonly FieldError[] | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The run that was recorded although the request failed. */
  readonly runId?: string | undefined
  /** Of that run. */
  readonly pin?: PinKind | null | undefined
  readonly checks?: Readonly<Record<string, string>> | undefined
  /** The parts of the detail, for the pages. */
  readonly explanation?: Explanation | undefined
}

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: ProblemStatus
  readonly options: ProblemOptions

  constructor(status: ProblemStatus, detail: string, options: ProblemOptions = {}) {
    super(detail)
    this.status = status
    this.options = options
  }
}

/** True for the statuses that have a title here. */
export function isProblemStatus(status: number): status is ProblemStatus {
  return Object.hasOwn(TITLES, status)
}

/** 404 for a thing of this kind. */
export function notFound(what: string): Problem {
  return new Problem(404, `There is no such ${what}.`)
}

/** Throws a 404 for what is not there. */
export function orNotFound<T>(value: T | null, what: string): T {
  if (value === null) throw notFound(what)
  return value
}

/** 422 that names one field, with the advice of its code. */
export function invalidField(path: string, message: string, code: ErrorCode = 'invalid_input'): Problem {
  return new Problem(422, `${path}: ${message}`, { code, errors: [{ path, message }] })
}

/** 422 for several fields. */
export function invalidInput(errors: readonly FieldError[]): Problem {
  const detail = errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return new Problem(422, detail, { code: 'invalid_input', errors })
}

/** The body of a problem. */
export function problemDocument({ status, message, options }: Problem): ProblemDocument {
  const { code, errors, runId, pin, checks } = options
  return {
    type: code === undefined ? 'about:blank' : `urn:cloud-sync:error:${code}`,
    title: TITLES[status],
    status,
    detail: message,
    ...(code === undefined ? {} : { code }),
    ...(errors === undefined ? {} : { errors }),
    ...(runId === undefined ? {} : { run_id: runId }),
    ...(pin === undefined ? {} : { pin }),
    ...(checks === undefined ? {} : { checks }),
  }
}

/** A problem as an answer. It is never cached. */
export function problemResponse(problem: Problem): Response {
  return new Response(JSON.stringify(problemDocument(problem)), {
    status: problem.status,
    headers: { ...problem.options.headers, 'content-type': PROBLEM_JSON, 'cache-control': 'no-store' },
  })
}
