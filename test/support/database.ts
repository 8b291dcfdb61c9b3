// A real PostgreSQL for tests: each call gives a database of its own, migrated and empty. The server is the one
// that TEST_DATABASE_URL names (shared by a whole test run, with a migrated database to copy from), or one that is started
// here in a folder of its own and stopped when the last database of this process is closed.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { type Db, openDatabase } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { migrate } from '../../db/migrate.ts'
import { searchDatabase } from './secrets/secret-search.ts'

export type TestDatabase = {
  readonly db: Db
  readonly url: string
  /** Searches it for planted secrets, closes the pool and drops the database. */
  close(): Promise<void>
}

const TEMPLATE = 'test_template'

type Server = { readonly url: string; readonly template: string | null; stop(): Promise<void> }

let ownServer: Promise<Server> | null = null
let openDatabases = 0

/** `migrated: false` gives an empty database; `searched: false` is for one of a million rows that nobody planted anything in. */
export async function createTestDatabase(
  options: { migrated?: boolean; searched?: boolean } = {},
): Promise<TestDatabase> {
  const server = await useServer()
  const name = `test_${randomBytes(8).toString('hex')}`
  const isMigrated = options.migrated !== false
  const template = isMigrated ? server.template : null
  await runOn(server.url, `create database ${name} template ${template ?? 'template1'}`)
  const url = urlWithin(server.url, name)
  const db = openDatabase(url, { log: quiet, applicationName: 'cloud-sync-test' })
  if (isMigrated && template === null) {
    await migrate(db)
  }
  return {
    db,
    url,
    async close() {
      try {
        if (options.searched !== false) await searchDatabase(db)
      } finally {
        await db.destroy()
        await runOn(server.url, `drop database ${name} with (force)`)
        await leaveServer()
      }
    },
  }
}

/** Makes the database that those of a whole run are copied from; nobody may be connected to it afterwards. */
export async function createTemplate(serverUrl: string): Promise<void> {
  await runOn(serverUrl, `create database ${TEMPLATE}`)
  const db = openDatabase(urlWithin(serverUrl, TEMPLATE), { log: quiet, applicationName: 'cloud-sync-test' })
  await migrate(db).finally(() => db.destroy())
}

function urlWithin(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

const quiet = { info() {}, warn() {} }

async function useServer(): Promise<Server> {
  const shared = process.env.TEST_DATABASE_URL
  if (shared !== undefined && shared !== '') {
    return { url: shared, template: TEMPLATE, stop: async () => {} }
  }
  openDatabases += 1
  ownServer ??= startOwnServer()
  return ownServer
}

async function leaveServer(): Promise<void> {
  if (ownServer === null) {
    return
  }
  openDatabases -= 1
  if (openDatabases === 0) {
    const server = ownServer
    ownServer = null
    await (await server).stop()
  }
}

async function startOwnServer(): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-sync-test-'))
  const server = await startEmbeddedPostgres({ directory: join(directory, 'postgres'), log: quiet })
  return {
    url: server.url,
    template: null,
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function runOn(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
