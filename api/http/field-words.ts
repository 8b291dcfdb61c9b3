// What zod finds wrong, in words for people. They follow the name of a field and describe the request, where zod's own words
// describe the program's types. They never quote a value, which may be a credential. Zod asks for them wherever a schema has
// no words of its own, also for a check inside a check, such as that of a key file in a field.

import { z } from 'zod'

export const UNKNOWN_FIELD = 'is not known'

z.config({ customError: fieldWords })

function fieldWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${TYPES[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return valueWords(issue.values)
    case 'too_big':
      return sizeWords(
        issue.exact ? 'exactly' : issue.inclusive ? 'at most' : 'less than',
        issue.maximum,
        issue,
      )
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1 && issue.inclusive) return 'must not be empty'
      return sizeWords(
        issue.exact ? 'exactly' : issue.inclusive ? 'at least' : 'more than',
        issue.minimum,
        issue,
      )
    case 'invalid_format':
      return formatWords(issue)
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'unrecognized_keys':
      return UNKNOWN_FIELD
    case 'invalid_union':
      return Array.isArray(issue.options) ? `must be one of ${issue.options.join(', ')}` : OTHER_FORM
    default:
      return OTHER_FORM
  }
}

const OTHER_FORM = 'has none of the forms that are taken here; see /api/docs'

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

function valueWords(values: readonly unknown[]): string {
  const [only] = values
  return values.length === 1 ? `must be ${JSON.stringify(only)}` : `must be one of ${values.join(', ')}`
}

const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item', set: 'item' }

function sizeWords(limit: string, size: number | bigint, { origin }: { readonly origin: string }): string {
  const unit = UNITS[origin]
  if (unit === undefined) return `must be ${limit} ${size}`
  return `must have ${limit} ${size} ${unit}${Number(size) === 1 ? '' : 's'}`
}

const FORMATS: Readonly<Record<string, string>> = {
  email: 'email address',
  url: 'URL',
  uuid: 'UUID',
  datetime: 'ISO datetime',
  date: 'ISO date',
}

function formatWords(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidStringFormat>): string {
  const { format, prefix, suffix, includes } = issue
  if (format === 'starts_with') return `must start with "${prefix}"`
  if (format === 'ends_with') return `must end with "${suffix}"`
  if (format === 'includes') return `must include "${includes}"`
  const kind = FORMATS[format]
  return kind === undefined ? 'has characters or a form that is not taken here' : `must be a valid ${kind}`
}
