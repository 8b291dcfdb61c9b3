// The fields of a form that a browser has sent. Text is trimmed, and empty text counts as missing. A secret stays as it was
// typed.

import type { Context } from 'hono'
import type { AppEnv } from '../access/principal.ts'
import { Problem } from '../http/problem.ts'

export interface FormFields {
  /** Trimmed; '' when it is missing. */
  text(name: string): string
  /** Trimmed; undefined when it is missing or empty. */
  optional(name: string): string | undefined
  /** As it was typed; '' when it is missing. */
  secret(name: string): string
  /** Of all fields of this name, such as checkboxes. */
  all(name: string): readonly string[]
  isOn(name: string): boolean
}

const FORM = /^application\/x-www-form-urlencoded\b/i

/** Throws Problem 415 for a body that is no form. */
export async function formOf(c: Context<AppEnv>): Promise<FormFields> {
  const body = await c.req.text()
  if (body !== '' && !FORM.test(c.req.header('content-type') ?? '')) {
    throw new Problem(415, 'This takes what a form of the pages sends.')
  }
  return fieldsOf(new URLSearchParams(body))
}

/** The fields of a form with GET, from the address. */
export function queryFields(c: Context<AppEnv>): FormFields {
  return fieldsOf(new URL(c.req.url).searchParams)
}

function fieldsOf(fields: URLSearchParams): FormFields {
  const text = (name: string) => (fields.get(name) ?? '').trim()
  return {
    text,
    optional: (name) => text(name) || undefined,
    secret: (name) => fields.get(name) ?? '',
    all: (name) => fields.getAll(name),
    isOn: (name) => fields.has(name),
  }
}
