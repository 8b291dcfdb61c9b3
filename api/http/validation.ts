// What zod found wrong, as the `errors` of a problem document.

import type { Context } from 'hono'
import type { z } from 'zod'
import { UNKNOWN_FIELD } from './field-words.ts'
import { type FieldError, invalidInput } from './problem.ts'

const MAX_ERRORS = 50

/** `below` is put in front of every path, such as 'settings'. */
export function fieldErrors(error: z.ZodError, below?: string): FieldError[] {
  const start = below === undefined ? [] : [below]
  return error.issues
    .flatMap(eachUnknownField)
    .slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ path: [...start, ...path.map(String)].join('.'), message }))
}

type FieldIssue = { readonly path: readonly PropertyKey[]; readonly message: string }

/** Zod reports the unknown fields of an object together. Here each has its own path. */
function eachUnknownField(issue: z.core.$ZodIssue): readonly FieldIssue[] {
  if (issue.code !== 'unrecognized_keys' || issue.message !== UNKNOWN_FIELD) return [issue]
  return issue.keys.map((key) => ({ path: [...issue.path, key], message: issue.message }))
}

type ValidationResult = { readonly success: true } | { readonly success: false; readonly error: z.ZodError }

/** For OpenAPIHono: bad input of any part of a request is a 422 that names the fields. */
export function refuseInvalid(result: ValidationResult, _c: Context): undefined {
  if (!result.success) throw invalidInput(fieldErrors(result.error))
  return undefined
}
