// One change of the keys at a time. There are two locks, because two things are shared. All hosts share the database: its lock is
// an advisory one of PostgreSQL, on the connection of all queries of the change, so that losing it ends the change. The commands
// of one host share the key file: its lock is a file beside it, because a key is added without a database. A command that does
// not get a lock is refused at once.

import { realpath } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import type { Db } from '../database.ts'
import { errnoOf, isMissing } from '../machine/errno.ts'
import { takeLockFile } from '../machine/lock-file.ts'
import type { Database } from '../schema.ts'
import { KeyFileError } from './key-file.ts'

/** The bytes of 'cskeyrot'. */
const LOCK_KEY = '7166189515650002804'

/** Another command is changing the keys; the one that gets this error has changed nothing. */
export class KeyChangeUnderWay extends Error {
  override readonly name = 'KeyChangeUnderWay'

  constructor(who: string) {
    super(
      `The keys are being changed by ${who}: wait until it has ended, then run this again. Nothing was changed.`,
    )
  }
}

/** Holds both locks while `work` runs, which must read the file itself. Throws KeyChangeUnderWay. */
export async function withKeysLocked<T>(
  db: Db,
  path: string,
  work: (db: Kysely<Database>) => Promise<T>,
): Promise<T> {
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{
      taken: boolean
    }>`select pg_try_advisory_lock(${sql.lit(LOCK_KEY)}::bigint) as taken`.execute(connection)
    if (rows[0]?.taken !== true) throw new KeyChangeUnderWay('another command on this database')
    try {
      return await withKeyFileLocked(path, () => work(connection))
    } finally {
      // A connection that broke has given the lock back by itself, and the error of `work` tells of it.
      await sql`select pg_advisory_unlock(${sql.lit(LOCK_KEY)}::bigint)`
        .execute(connection)
        .catch(() => undefined)
    }
  })
}

/** For changes that need no database. Throws KeyChangeUnderWay, or KeyFileError where no lock can be put. */
export async function withKeyFileLocked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeLockFile(`${await target(path)}.lock`, (holder) => {
    const isHere = typeof holder === 'object'
    return new KeyChangeUnderWay(isHere ? `process ${holder.pid}` : 'another command on this key file')
  }).catch((error: unknown) => {
    if (error instanceof KeyChangeUnderWay) throw error
    throw new KeyFileError(
      `The folder of the key file ${path} cannot be written to (${errnoOf(error)}): run this where it can. Nothing was changed.`,
      { cause: error },
    )
  })
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

/** One lock for all names of the file. */
async function target(path: string): Promise<string> {
  return realpath(path).catch((error: unknown) => {
    if (isMissing(error)) {
      throw new KeyFileError(`There is no key file ${path}: set SECRET_KEY_FILE or DATA_DIR.`)
    }
    throw error
  })
}
