// What zod found wrong, as the `errors` of a problem document. Messages never quote a value: it may be a credential.

import type { Context } from 'hono'
import type { z } from 'zod'
import { type FieldError, invalidInput } from './problem.ts'
import { eachUnknownField } from './unknown-fields.ts'

const MAX_ERRORS = 50

/** `below` stands in front of every path, such as 'settings'. */
export function fieldErrors(error: z.ZodError, below?: string): FieldError[] {
  return error.issues
    .flatMap(eachUnknownField)
    .slice(0, MAX_ERRORS)
    .map((issue) => ({
      path: [...(below === undefined ? [] : [below]), ...issue.path.map(String)].join('.'),
      message: plainWords(issue.message),
    }))
}

/**
 * Other words for zod's own, which speak of the program's types instead of the request's fields. By the text alone, because
 * a check within a check (a key file inside a field) hands on no more. Our own messages begin with a verb and stay.
 */
function plainWords(message: string): string {
  if (/^Invalid input: .*received undefined$/.test(message)) return 'is required'
  const type = /^Invalid input: expected (\w+), received/.exec(message)?.[1]
  if (type !== undefined) return `must be ${TYPES[type] ?? type}`
  const literal = /^Invalid input: expected (.+)$/.exec(message)?.[1]
  if (literal !== undefined) return `must be ${literal}`
  const choices = /^Invalid (?:option: expected one of|discriminator value\. Expected) (.+)$/.exec(
    message,
  )?.[1]
  if (choices !== undefined)
    return `must be one of ${choices
      .replaceAll(/["']/g, '')
      .split(/ ?\| ?/)
      .join(', ')}`
  const size = /^Too (?:big|small): expected \w+ to (have|be) (<=|<|>=|>|exactly )(\S+)(?: (\w+))?$/.exec(
    message,
  )
  if (size !== null) return sizeWords(size)
  if (/^Invalid string: must match/.test(message)) return 'has characters or a form that is not taken here'
  const stated = /^Invalid (?:string|number): (must .+)$/.exec(message)?.[1]
  if (stated !== undefined) return stated
  const kind = /^Invalid ((?!input|key|value)\S.*)$/.exec(message)?.[1]
  if (kind !== undefined) return `must be a valid ${kind}`
  if (/^(Invalid|Unrecognized|Too (big|small))/.test(message)) {
    return 'has none of the forms that are taken here; see /api/docs'
  }
  return message
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

const LIMITS: Readonly<Record<string, string>> = {
  '<=': 'at most',
  '<': 'less than',
  '>=': 'at least',
  '>': 'more than',
  'exactly ': 'exactly',
}

function sizeWords([, verb, sign = '', limit, unit]: RegExpExecArray): string {
  if (verb === 'have' && sign === '>=' && limit === '1' && unit === 'characters') return 'must not be empty'
  const units = unit === undefined ? '' : ` ${limit === '1' ? unit.replace(/s$/, '') : unit}`
  return `must ${verb} ${LIMITS[sign] ?? ''} ${limit}${units}`
}

type ValidationResult = { readonly success: true } | { readonly success: false; readonly error: z.ZodError }

/** For OpenAPIHono: bad input of any part of a request is a 422 that names the fields. */
export function refuseInvalid(result: ValidationResult, _c: Context): undefined {
  if (!result.success) throw invalidInput(fieldErrors(result.error))
  return undefined
}
