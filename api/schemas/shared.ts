// Pieces that several resources share: pages, path parameters, answers. The schemas are the single source of
// validation, types and the OpenAPI document.

import { z } from '@hono/zod-openapi'
import { MAX_PAGE_SIZE } from '../../db/page.ts'
import { ERROR_CODES } from '../../workflows/errors.ts'
import { PROBLEM_JSON, type ProblemStatus } from '../http/problem.ts'

export const timeSchema = z.iso.datetime({ offset: true }).openapi({
  description: 'RFC 3339, in UTC',
  example: '2026-11-23T02:10:00.000Z',
})

export const idParam = z.object({
  id: z
    .string()
    .max(200)
    .openapi({ param: { name: 'id', in: 'path' }, example: 'f2a1c0de-8a6e-4f3c-9d5b-0a1b2c3d4e5f' }),
})

export const slugParam = z.object({
  slug: z
    .string()
    .max(200)
    .openapi({ param: { name: 'slug', in: 'path' }, example: 'acme' }),
})

const limit = z
  .string()
  .regex(/^\d{1,9}$/, `must be a number from 1 to ${MAX_PAGE_SIZE}`)
  .transform(Number)
  .refine((value) => value >= 1 && value <= MAX_PAGE_SIZE, `must be a number from 1 to ${MAX_PAGE_SIZE}`)
  .openapi({
    type: 'integer',
    description: `Items of one page, ${MAX_PAGE_SIZE} at most; 50 by default`,
    example: 50,
  })

export const pageQuery = {
  limit: limit.optional(),
  cursor: z.string().max(2000).optional().openapi({ description: '`next_cursor` of the page before' }),
}

export const DEFAULT_PAGE_SIZE = 50

/** A page of `item`, as all lists answer it. */
export function pageOf<T extends z.ZodType>(item: T, name: string) {
  return z
    .object({
      items: z.array(item).readonly(),
      next_cursor: z.string().nullable().openapi({ description: 'null on the last page' }),
    })
    .openapi(name)
}

export const statusErrorSchema = z
  .object({
    code: z.string().openapi({ example: 'storage_quota_exceeded' }),
    message: z.string().openapi({ description: '`fact` and `advice` joined' }),
    retryable: z.boolean(),
    fact: z.string().optional().openapi({
      description: 'What happened; absent in errors that an earlier version wrote',
    }),
    advice: z.string().optional().openapi({ description: 'What to do; absent with `fact`' }),
  })
  .openapi('StatusError')

const problemSchema = z
  .object({
    type: z.string().openapi({ description: '`about:blank`, or the URN of an error code' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(ERROR_CODES).optional(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'What is wrong with which field' }),
    run_id: z.string().optional().openapi({ description: 'The run that was recorded all the same' }),
    pin: z
      .enum(['linked', 'original'])
      .nullable()
      .optional()
      .openapi({ description: 'With run_id: how the archive of that run is kept' }),
    checks: z
      .record(z.string(), z.string())
      .optional()
      .openapi({ description: 'Of /readyz: `ok` or `unavailable`, by part' }),
  })
  .openapi('Problem', { description: 'RFC 9457' })

const PROBLEM_MEANINGS: Readonly<Partial<Record<ProblemStatus, string>>> = {
  400: 'The body is not JSON',
  401: 'No valid token or session',
  403: 'Not allowed with this token or session',
  404: 'There is no such thing',
  409: 'It collides with what is there',
  410: 'The archive is gone',
  413: 'The body is too large',
  415: 'The body is not application/json',
  422: 'A field is wrong',
  429: 'Too many attempts',
  502: 'The provider refuses or fails',
  503: 'Temporal, a worker or the database does not answer; Retry-After says when to try again',
}

type ProblemResponse = {
  description: string
  content: { [PROBLEM_JSON]: { schema: typeof problemSchema } }
}

/** One error answer. */
export function problem(description: string): ProblemResponse {
  return { description, content: { [PROBLEM_JSON]: { schema: problemSchema } } }
}

/** The error answers of an operation. Every operation may answer 401, 403 and 503. */
export function problems(...statuses: ProblemStatus[]): Record<ProblemStatus, ProblemResponse> {
  const all = [...new Set<ProblemStatus>([401, 403, 503, ...statuses])]
  const responses = all.map((status) => [status, problem(PROBLEM_MEANINGS[status] ?? 'Error')])
  return Object.fromEntries(responses)
}

/** An answer with a JSON body. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

/** The answer of a 201 or 202: the resource and its path. */
export function created<T extends z.ZodType>(schema: T, description: string) {
  const location = z.string().openapi({ description: 'Path of the resource' })
  return { ...json(schema, description), headers: z.object({ Location: location }) }
}

/** A required JSON body. */
export function jsonBody<T extends z.ZodType>(schema: T, description: string) {
  return { required: true, description, content: { 'application/json': { schema } } }
}
