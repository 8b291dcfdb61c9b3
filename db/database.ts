// The connection pool and the query builder over it. How PostgreSQL's types come back is set here and for this
// pool only: bigint as a number (refused beyond 2^53), timestamptz as RFC 3339 in UTC with milliseconds.
// The URL holds a password: it is never logged.

import { randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import { Client, type CustomTypesConfig, Pool, type PoolConfig, types } from 'pg'
import type { Database } from './schema.ts'

export type Db = Kysely<Database>
/** For functions that may run in their caller's transaction. */
export type DbOrTransaction = Kysely<Database> | Transaction<Database>

type DatabaseLog = { warn(fields: { err: Error }, message: string): void }

type OpenDatabaseOptions = {
  readonly log: DatabaseLog
  /** Shown by pg_stat_activity; default 'cloud-sync'. */
  readonly applicationName?: string
  /** Connections of this process at most; default 10. */
  readonly poolSize?: number
  /** How long one statement may take; default 30 s. The client stops waiting for a server that hangs 5 s later. */
  readonly statementTimeoutMs?: number
}

const INT8 = 20
const TIMESTAMPTZ = 1184
/** No query of ours reads more than a page or a run: one that takes longer waits for a lock that never comes. */
const STATEMENT_TIMEOUT_MS = 30_000
/** A transaction whose process hangs must not hold its locks. */
const IDLE_TRANSACTION_TIMEOUT_MS = 60_000
/** A server that hangs does not end its statements: the client stops waiting a little after the server should have. */
const HANG_GRACE_MS = 5_000
const CONNECT_TIMEOUT_MS = 10_000

function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) {
    throw new RangeError('a bigint of the database does not fit a safe integer')
  }
  return value
}

const parseTimestamp: (text: string) => Date = types.getTypeParser(TIMESTAMPTZ)

const typeParsers: CustomTypesConfig = {
  getTypeParser(oid, format) {
    if (oid === INT8) {
      return parseInt8
    }
    if (oid === TIMESTAMPTZ) {
      return (text: string) => parseTimestamp(text).toISOString()
    }
    return types.getTypeParser(oid, format)
  },
}

/** Opens lazily: nothing is connected before the first query. `db.destroy()` closes it. */
export function openDatabase(url: string, options: OpenDatabaseOptions): Db {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  const pool: PoolConfig = {
    connectionString: url,
    application_name: options.applicationName ?? 'cloud-sync',
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + HANG_GRACE_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    types: typeParsers,
  }
  return openPool(pool, options.log)
}

/** For work that may take hours, such as migrations: one connection of its own to the same database, without timeouts. */
export async function withoutTimeouts<T>(db: Db, work: (unlimited: Db) => Promise<T>): Promise<T> {
  const { options, log } = poolOf(db)
  const { statement_timeout: _statement, query_timeout: _query, ...others } = options
  const unlimited = openPool({ ...others, max: 1 }, log)
  try {
    return await work(unlimited)
  } finally {
    await unlimited.destroy()
  }
}

function openPool(options: PoolConfig, log: DatabaseLog): Db {
  const pool = new Pool(options)
  // A connection that breaks says so by an event as well, idle or in use; without a listener that event would end the
  // process. The query that was under way fails by itself, and the pool makes a new connection for the next one.
  pool.on('connect', (client) => {
    client.on('error', (err) => log.warn({ err }, 'a connection to the database was lost'))
  })
  // The pool reports broken idle connections once more.
  pool.on('error', () => undefined)
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  pools.set(db, { options, log })
  return db
}

type OpenedPool = { readonly options: PoolConfig; readonly log: DatabaseLog }
const pools = new WeakMap<Kysely<Database>, OpenedPool>()

function poolOf(db: Db): OpenedPool {
  const pool = pools.get(db)
  if (pool === undefined) throw new TypeError('this database was not opened by openDatabase')
  return pool
}

/** A connection of its own to the same database, not yet connected; for LISTEN, which a pool cannot do. */
export function newClient(db: Db): Client {
  const { connectionString, application_name, connectionTimeoutMillis, keepAlive } = poolOf(db).options
  const keepAliveInitialDelayMillis = 10_000
  return new Client({
    connectionString,
    application_name,
    connectionTimeoutMillis,
    keepAlive,
    keepAliveInitialDelayMillis,
  })
}

/** Joins the caller's transaction, or makes one. */
export async function inTransaction<T>(
  db: DbOrTransaction,
  work: (trx: Transaction<Database>) => Promise<T>,
): Promise<T> {
  return isTransaction(db) ? work(db) : db.transaction().execute(work)
}

function isTransaction(db: DbOrTransaction): db is Transaction<Database> {
  return db.isTransaction
}

/** An ID for a row that the program makes. */
export function newId(): string {
  return randomUUID()
}
