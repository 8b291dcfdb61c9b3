// A program that starts PostgreSQL in the folder it is given, prints the port, and is killed.
import { writeSync } from 'node:fs'
import { startEmbeddedPostgres } from '../../../db/embedded/server.ts'

const quiet = { info: () => undefined, warn: () => undefined }
const server = await startEmbeddedPostgres({ directory: process.argv[2] ?? '', log: quiet })
writeSync(1, String(server.port))
process.kill(process.pid, 'SIGKILL')
