// A process of its own that takes the report of REPORT and is killed when the archive is linked and no row is written yet.

import { createLocalArchives } from '../../../activities/archives/inspect-archive.ts'
import { createApp } from '../../../api/app.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { openDatabase } from '../../../db/database.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { createLogger } from '../../../db/process/log.ts'
import { testVault } from '../../support/rows.ts'

const log = createLogger({ logLevel: 'silent' })
const db = openDatabase(process.env.DATABASE_URL ?? '', { log })
const backupRoot = process.env.BACKUP_ROOT ?? ''
const config = {
  ...loadConfig({ DATA_DIR: backupRoot, BACKUP_ROOT: backupRoot }),
  apiToken: 'a-token-of-this-process',
}
const local = createLocalArchives({ db, config })
const app = createApp({
  db,
  vault: testVault,
  log,
  config,
  // Nothing listens there: the report is taken while Temporal is away.
  temporal: connectTemporal({ address: '127.0.0.1:1', taskQueue: 'none', deadlineMs: 500 }),
  feed: { watch: () => () => {}, watcherCount: 0, stop: async () => {} },
  healer: { wake: () => {} },
  archives: {
    ...local,
    inspectArchive: async (question) => {
      const finding = await local.inspectArchive(question)
      process.kill(process.pid, 'SIGKILL')
      return finding
    },
  },
})
await app.request('http://localhost/api/runs', {
  method: 'POST',
  headers: { authorization: `Bearer ${config.apiToken}`, 'content-type': 'application/json' },
  body: process.env.REPORT ?? '',
})
