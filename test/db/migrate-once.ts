// A process of its own that migrates the database of DATABASE_URL and tells its parent what it ran.

import { openDatabase } from '../../db/database.ts'
import { migrate } from '../../db/migrate.ts'

const db = openDatabase(process.env.DATABASE_URL ?? '', { log: { warn() {} } })
process.send?.(await migrate(db))
await db.destroy()
process.disconnect()
