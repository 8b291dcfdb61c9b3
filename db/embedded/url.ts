// Where the embedded PostgreSQL of a data folder listens, for commands that run beside the program.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from '../machine/errno.ts'
import { urlOf } from './connect.ts'

/** Holds the password: never log it. Null when there is no embedded database in the folder. */
export async function embeddedPostgresUrl(directory: string): Promise<string | null> {
  try {
    const [password, port] = await Promise.all(
      ['password', 'port'].map((name) => readFile(join(directory, name), 'utf8')),
    )
    return urlOf((password ?? '').trim(), Number(port), 'cloud_sync')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}
