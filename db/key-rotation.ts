// Changing the key that seals. The new key stands in the file, in front, before a row is sealed with it; running
// processes follow the file (db/key-file-vault.ts), so uploads go on. Every step may be repeated after a crash, and an
// old key may only go when nothing is left that it alone opens.

import { appendAudit } from './audit.ts'
import type { Db } from './database.ts'
import { newFernetKey } from './fernet.ts'
import { countClosedRows, resealAll } from './sealed-rows.ts'
import { KeyFileError, keyFingerprint, readKeyFile, replaceKeyFile } from './secret-key.ts'
import { openVault } from './vault.ts'

export type Rotation = {
  readonly fingerprint: string
  readonly resealed: number
  /** Rows that the new key does not open: no key of the file does. */
  readonly left: number
}

/** A process that seals with the old key at the same moment is caught by the next pass. */
const PASSES = 5

/** `staged`: the last key of the file, which was put there by `stageKey`, moves to the front; else a new one is made. */
export async function rotateKey(
  db: Db,
  path: string,
  options: { readonly staged: boolean },
): Promise<Rotation> {
  const keys = await existingKeys(path)
  const staged = keys.at(-1)
  if (options.staged && (staged === undefined || keys.length < 2)) {
    throw new KeyFileError(`The key file ${path} holds no key that was added: add one first.`)
  }
  const next =
    options.staged && staged !== undefined ? [staged, ...keys.slice(0, -1)] : [newFernetKey(), ...keys]
  await replaceKeyFile(path, next)
  return resealWithFirst(db, path)
}

/** Seals everything with the first key of the file; to be run again when it was stopped. */
export async function resealWithFirst(db: Db, path: string): Promise<Rotation> {
  const keys = await existingKeys(path)
  const newest = openVault(keys.slice(0, 1))
  let resealed = 0
  let left = await countClosedRows(db, newest)
  for (let pass = 0; pass < PASSES && left > 0; pass += 1) {
    const done = await resealAll(db, openVault(keys))
    resealed = Math.max(resealed, done.resealed)
    left = await countClosedRows(db, newest)
    if (left <= done.left) break
  }
  const { fingerprint } = newest
  await appendAudit(db, { actor: 'command', event: 'keys_rotated', details: { fingerprint, resealed, left } })
  return { fingerprint, resealed, left }
}

/** Adds a key that opens and does not seal yet, for files that are copied to other hosts before `rotateKey`. */
export async function stageKey(path: string): Promise<string> {
  const keys = await existingKeys(path)
  const key = newFernetKey()
  await replaceKeyFile(path, [...keys, key])
  return keyFingerprint(key)
}

/** Keeps the first key alone. Throws KeyFileError, and changes nothing, while a row needs another one. */
export async function dropOldKeys(db: Db, path: string): Promise<readonly string[]> {
  const keys = await existingKeys(path)
  const left = await countClosedRows(db, openVault(keys.slice(0, 1)))
  if (left > 0) {
    throw new KeyFileError(
      `${left} sealed values still need an old key: run rotate-key first. Nothing was changed.`,
    )
  }
  const dropped = keys.slice(1).map(keyFingerprint)
  await replaceKeyFile(path, keys.slice(0, 1))
  await appendAudit(db, { actor: 'command', event: 'keys_rotated', details: { dropped } })
  return dropped
}

async function existingKeys(path: string): Promise<readonly string[]> {
  const keys = await readKeyFile(path)
  if (keys === null) throw new KeyFileError(`There is no key file ${path}: set SECRET_KEY_FILE or DATA_DIR.`)
  return keys
}
