// A program that starts PostgreSQL in the folder it is given, counts its starts in a table, prints what it found as one
// line of JSON, and then stops the server ("stop") or is killed ("kill").
import { writeSync } from 'node:fs'
import { Client } from 'pg'
import { startEmbeddedPostgres } from '../../../db/embedded/server.ts'

const [directory = '', end] = process.argv.slice(2)
const warnings: string[] = []
const log = { info: () => undefined, warn: (message: string) => warnings.push(message) }
const server = await startEmbeddedPostgres({ directory, log })
const client = new Client({ connectionString: server.url })
await client.connect()
await client.query('create table if not exists starts (at timestamptz)')
await client.query('insert into starts values (now())')
const { rows } = await client.query<{ count: string }>('select count(*) from starts')
await client.end()
writeSync(1, `${JSON.stringify({ port: server.port, starts: Number(rows[0]?.count), warnings })}\n`)
if (end === 'kill') process.kill(process.pid, 'SIGKILL')
await server.stop()
