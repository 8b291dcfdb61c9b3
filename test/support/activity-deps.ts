// What activities are given, for tests: a database, a folder of archives, and nothing of a provider unless one is given.

import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ActivityDeps } from '../../activities/dependencies.ts'
import { PATIENCE } from '../../activities/patience.ts'
import { loadConfig } from '../../db/process/config.ts'
import { createLogger } from '../../db/process/log.ts'
import { createTestDatabase } from './database.ts'
import { testVault } from './rows.ts'

export type TestDeps = ActivityDeps & {
  readonly folder: string
  close(): Promise<void>
}

export async function createTestDeps(): Promise<TestDeps> {
  const test = await createTestDatabase()
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'cloud-sync-archives-')))
  const config = loadConfig({ DATA_DIR: folder, BACKUP_ROOT: folder })
  return {
    db: test.db,
    vault: testVault,
    config,
    log: createLogger({ logLevel: 'silent' }),
    accounts: {
      open: (id) => Promise.reject(new Error(`the test has no account ${id}`)),
    },
    patience: PATIENCE,
    folder,
    close: async () => {
      await rm(folder, { recursive: true, force: true })
      await test.close()
    },
  }
}

/** Does the work as a user without rights of its own: root may read and write everything. */
export async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0 || process.seteuid === undefined) return work()
  process.seteuid(65_534)
  try {
    return await work()
  } finally {
    process.seteuid(0)
  }
}
