// What zod found wrong, as the `errors` of a problem document. Messages never quote a value: it may be a credential.

import type { Context } from 'hono'
import type { z } from 'zod'
import { type FieldError, invalidInput } from './problem.ts'

const MAX_ERRORS = 50

/** `below` stands in front of every path, such as 'settings'. */
export function fieldErrors(error: z.ZodError, below?: string): FieldError[] {
  return error.issues.slice(0, MAX_ERRORS).map((issue) => ({
    path: [...(below === undefined ? [] : [below]), ...issue.path.map(String)].join('.'),
    message: sentence(issue),
  }))
}

/** zod's own words where they speak of the program's types instead of the request's fields. */
function sentence(issue: z.core.$ZodIssue): string {
  // Our own messages begin with a verb of their own and stay.
  if (!/^(Invalid|Unrecognized)/.test(issue.message)) return issue.message
  if (issue.code === 'unrecognized_keys')
    return `has fields that are not known here: ${issue.keys.join(', ')}`
  if (issue.code === 'invalid_type') {
    return issue.message.endsWith('received undefined')
      ? 'is required'
      : `must be ${articleFor(issue.expected)}`
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_union') return 'has none of the forms that are taken here; see /api/docs'
  return issue.message
}

function articleFor(expected: string): string {
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`
}

type ValidationResult = { readonly success: true } | { readonly success: false; readonly error: z.ZodError }

/** For OpenAPIHono: bad input of any part of a request is a 422 that names the fields. */
export function refuseInvalid(result: ValidationResult, _c: Context): undefined {
  if (!result.success) throw invalidInput(fieldErrors(result.error))
  return undefined
}
