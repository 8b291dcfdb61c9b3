// Pages of a list, newest first, by keyset: a cursor names the last row that was shown, so rows that arrive in
// between neither repeat nor push out others. A cursor is opaque to the caller and is not a secret.

import type { z } from 'zod'
import { DbConflict } from './conflict.ts'
import { parseJson } from './process/json.ts'

export type Page<T> = { readonly items: readonly T[]; readonly next_cursor: string | null }

export const MAX_PAGE_SIZE = 200

/** A limit within 1 to MAX_PAGE_SIZE. */
export function pageSize(limit: number): number {
  return Math.min(Math.max(Math.trunc(limit), 1), MAX_PAGE_SIZE)
}

export function encodeCursor(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts), 'utf8').toString('base64url')
}

/** Throws DbConflict `invalid` when the cursor is not one of this list. */
export function decodeCursor<T>(cursor: string, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString('utf8')))
  if (!parsed.success) {
    throw new DbConflict('invalid', 'cursor', 'The cursor is not one that this list has given out.')
  }
  return parsed.data
}

/** Cuts the one row too many that was asked for, and names the last row shown when there are more. */
export function toPage<T>(rows: readonly T[], limit: number, cursorOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next_cursor: rows.length > limit && last !== undefined ? cursorOf(last) : null }
}
