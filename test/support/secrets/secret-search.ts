// What the tests of a process leave behind is searched for the secrets that were planted in it: databases when they are
// closed, the histories of all workflows when their server is, answers and log lines as they come. A hit fails the test
// file. With SECRET_SEARCH_FOLDER set, how much was searched is written there for the sum over a whole run.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { sql } from 'kysely'
import type { Db } from '../../../db/database.ts'
import { assertNoSecret, plantedSecrets } from './planted-secrets.ts'
import type { Searched } from './searched-figures.ts'

const searched: Searched = { secrets: 0, histories: 0, rows: 0, answers: 0, log_lines: 0 }

const folder = process.env.SECRET_SEARCH_FOLDER
if (folder !== undefined && folder !== '') {
  process.on('exit', () => {
    searched.secrets = plantedSecrets().length
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(searched))
  })
}

/** All tables. Of a sealed column only the sealed form may be seen. */
export async function searchDatabase(db: Db): Promise<void> {
  const tables = await sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(db)
  for (const { name } of tables.rows) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(db)
    searched.rows += rows.length
    const open = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([column]) => !column.startsWith('sealed_'))),
    )
    search(`table ${name}`, JSON.stringify(open))
    const sealed = JSON.stringify(rows)
    for (const secret of plantedSecrets()) {
      if (sealed.includes(secret)) throw new Error(`table ${name} holds a planted secret that is not sealed`)
    }
  }
}

/** The history and the description of every workflow that the server knows. */
export async function searchHistories(client: Client): Promise<number> {
  let histories = 0
  for await (const execution of client.workflow.list()) {
    const handle = client.workflow.getHandle(execution.workflowId, execution.runId)
    search(`the history of ${execution.workflowId}`, textOf(await handle.fetchHistory()))
    search(`the description of ${execution.workflowId}`, textOf((await handle.describe()).raw))
    histories += 1
  }
  searched.histories += histories
  return histories
}

export function searchAnswer(request: string, text: string): void {
  searched.answers += 1
  search(`the answer to ${request}`, text)
}

export function searchLog(lines: readonly string[]): void {
  searched.log_lines += lines.length
  search('the log', lines.join('\n'))
}

function search(where: string, text: string): void {
  assertNoSecret(where, text, plantedSecrets())
}

/** Payloads are bytes: they are read as the text that they carry. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return Buffer.from(part).toString('utf8')
    return typeof part === 'bigint' ? part.toString() : part
  })
}
