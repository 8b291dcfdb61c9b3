// What zod found wrong, as the `errors` of a problem document. Messages never quote a value: it may be a credential.

import type { Context } from 'hono'
import type { z } from 'zod'
import { type FieldError, invalidInput } from './problem.ts'

const MAX_ERRORS = 50

/** `below` stands in front of every path, such as 'settings'. */
export function fieldErrors(error: z.ZodError, below?: string): FieldError[] {
  return error.issues.slice(0, MAX_ERRORS).map((issue) => ({
    path: [...(below === undefined ? [] : [below]), ...issue.path.map(String)].join('.'),
    message: issue.message,
  }))
}

type ValidationResult = { readonly success: true } | { readonly success: false; readonly error: z.ZodError }

/** For OpenAPIHono: bad input of any part of a request is a 422 that names the fields. */
export function refuseInvalid(result: ValidationResult, _c: Context): undefined {
  if (!result.success) throw invalidInput(fieldErrors(result.error))
  return undefined
}
