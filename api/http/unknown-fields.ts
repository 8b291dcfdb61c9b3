// Fields that nobody knows, each under its own name: zod reports them together, at the object that they are in.

import type { z } from 'zod'

/** The issue itself, or one for each unknown field. */
export function eachUnknownField(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'unrecognized_keys' || !issue.message.startsWith('Unrecognized')) return [issue]
  return issue.keys.map((key) => ({
    code: 'custom',
    path: [...issue.path, key],
    message: 'is not known',
    input: undefined,
  }))
}
