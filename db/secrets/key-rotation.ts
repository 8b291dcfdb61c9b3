// Changing the key that seals. The new key is the first of the file before a row is sealed with it. Running processes follow the
// file (db/secrets/key-file-reload.ts), so uploads go on. Every step may be repeated after a crash, and an old key is removed only
// when nothing is left that it alone opens. Nothing is read, written or counted without the lock
// (db/secrets/key-rotation-lock.ts): two changes at once would each remove the key that the other's rows need.

import { appendAudit } from '../audit.ts'
import type { Db, DbOrTransaction } from '../database.ts'
import { newFernetKey } from './fernet.ts'
import { KeyFileError, readKeyFile, replaceKeyFile } from './key-file.ts'
import { keyFingerprint } from './key-fingerprint.ts'
import { withKeyFileLocked, withKeysLocked } from './key-rotation-lock.ts'
import { countClosedRows, resealAll } from './sealed-rows.ts'
import { openVault } from './vault.ts'

export type Rotation = {
  readonly fingerprint: string
  readonly resealed: number
  /** Rows that the new key does not open: no key of the file does. */
  readonly left: number
}

/** The new key is in the file and seals, but not everything is sealed with it yet; nothing is lost. */
export class RotationCutShort extends Error {
  override readonly name = 'RotationCutShort'

  constructor(fingerprint: string, cause: unknown) {
    super(
      `Key ${fingerprint} stands in the file and seals now, and not everything is sealed with it yet: the old keys are ` +
        'still needed. Run rotate-key --resume.',
      { cause },
    )
  }
}

/** A process that seals with the old key at the same moment is caught by the next pass. */
const PASSES = 5

/**
 * `staged`: the last key of the file, which was put there by `stageKey`, moves to the front; else a new one is made.
 * Throws KeyChangeUnderWay or KeyFileError, and changes nothing, when it cannot begin; RotationCutShort after that.
 */
export async function rotateKey(
  db: Db,
  path: string,
  options: { readonly staged: boolean },
): Promise<Rotation> {
  return withKeysLocked(db, path, async (locked) => {
    const keys = await existingKeys(path)
    const staged = keys.at(-1)
    if (options.staged && (staged === undefined || keys.length < 2)) {
      throw new KeyFileError(`The key file ${path} holds no key that was added: add one first.`)
    }
    const [next, others] =
      options.staged && staged !== undefined ? [staged, keys.slice(0, -1)] : [newFernetKey(), keys]
    await replaceKeyFile(path, [next, ...others])
    return reseal(locked, path).catch((error: unknown) => {
      throw new RotationCutShort(keyFingerprint(next), error)
    })
  })
}

/** Seals everything with the first key of the file; to be run again when it was stopped. Throws as `rotateKey`. */
export async function resealWithFirst(db: Db, path: string): Promise<Rotation> {
  return withKeysLocked(db, path, (locked) => reseal(locked, path))
}

async function reseal(db: DbOrTransaction, path: string): Promise<Rotation> {
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

/**
 * Adds a key that opens and does not seal yet, for files that are copied to other hosts before `rotateKey`. Needs no
 * database. Throws KeyChangeUnderWay or KeyFileError.
 */
export async function stageKey(path: string): Promise<string> {
  return withKeyFileLocked(path, async () => {
    const keys = await existingKeys(path)
    const key = newFernetKey()
    await replaceKeyFile(path, [...keys, key])
    return keyFingerprint(key)
  })
}

/** Keeps the first key alone. Throws KeyChangeUnderWay, or KeyFileError while a row needs another key. */
export async function dropOldKeys(db: Db, path: string): Promise<readonly string[]> {
  return withKeysLocked(db, path, async (locked) => {
    const keys = await existingKeys(path)
    const left = await countClosedRows(locked, openVault(keys.slice(0, 1)))
    if (left > 0) {
      throw new KeyFileError(
        `${left} sealed values still need an old key: run rotate-key first. Nothing was changed.`,
      )
    }
    const dropped = keys.slice(1).map(keyFingerprint)
    await replaceKeyFile(path, keys.slice(0, 1))
    await appendAudit(locked, { actor: 'command', event: 'keys_rotated', details: { dropped } })
    return dropped
  })
}

async function existingKeys(path: string): Promise<readonly string[]> {
  const keys = await readKeyFile(path)
  if (keys === null) throw new KeyFileError(`There is no key file ${path}: set SECRET_KEY_FILE or DATA_DIR.`)
  return keys
}
