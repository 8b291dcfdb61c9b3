// Where a binding's files go, in a form that can be compared with another's. Providers do not tell upper from
// lower case, so neither does this. `{database}` stays in the pattern and stands for anything.

import { DbConflict } from '../conflict.ts'

export const DEFAULT_REMOTE_PATH = '/odoo-backups/{instance_slug}/'

const DATABASE = '{database}'

/**
 * '/Odoo-Backups/{instance_slug}/' of instance 'acme' becomes '/odoo-backups/acme'. The account's own root is ''.
 * Throws DbConflict `invalid` for '.' and '..' segments.
 */
export function folderPattern(remotePath: string, instanceSlug: string): string {
  const segments = remotePath
    .normalize('NFC')
    .toLowerCase()
    .replaceAll('{instance_slug}', instanceSlug)
    .split('/')
    .map((segment) => segment.trim())
    .filter((segment) => segment !== '')
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new DbConflict('invalid', 'remote_path', 'The remote path may not have "." or ".." in it.')
  }
  return segments.map((segment) => `/${segment}`).join('')
}

/** True when some database names make both patterns the same folder. */
export function mayCoincide(one: string, other: string): boolean {
  const left = one.split('/')
  const right = other.split('/')
  return (
    left.length === right.length &&
    left.every((segment, index) => segmentsMayCoincide(tokens(segment), tokens(right[index] ?? '')))
  )
}

/** Characters, and null for each `{database}`. */
function tokens(segment: string): readonly (string | null)[] {
  return segment
    .split(DATABASE)
    .flatMap((literal, index) => (index === 0 ? [...literal] : [null, ...literal]))
}

/**
 * Whether two patterns share a string, by the table of all pairs of prefixes: cell [i, j] tells whether the first
 * i tokens of one and the first j of the other can be the same. A null matches any characters.
 */
function segmentsMayCoincide(one: readonly (string | null)[], other: readonly (string | null)[]): boolean {
  let row = new Array<boolean>(other.length + 1).fill(false)
  for (let i = 0; i <= one.length; i += 1) {
    const next = new Array<boolean>(other.length + 1).fill(false)
    for (let j = 0; j <= other.length; j += 1) {
      const a = i === 0 ? undefined : one[i - 1]
      const b = j === 0 ? undefined : other[j - 1]
      const above = row[j] ?? false
      const before = next[j - 1] ?? false
      const diagonal = row[j - 1] ?? false
      if (i === 0 && j === 0) {
        next[j] = true
      } else if (a === null || b === null) {
        next[j] = above || before || diagonal
      } else {
        next[j] = a !== undefined && a === b && diagonal
      }
    }
    row = next
  }
  return row[other.length] ?? false
}
