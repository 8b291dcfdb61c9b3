// Rows that many database tests need: an instance, an account, a binding, a run.

import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { type Account, createAccount } from '../../db/accounts/accounts.ts'
import type { Db } from '../../db/database.ts'
import { createInstance } from '../../db/instances/instances.ts'
import { type ArchiveOfRun, archiveColumns } from '../../db/runs/kept-archives.ts'
import { recordRun } from '../../db/runs/runs.ts'
import type { Instance, Run, UploadedFile } from '../../db/schema.ts'
import { newFernetKey } from '../../db/secrets/fernet.ts'
import { openVault, type Vault } from '../../db/secrets/vault.ts'
import type { DestinationState } from '../../workflows/types.ts'
import { fieldsIn, plant, secretsIn } from './secrets/planted-secrets.ts'

export const testVault = plantWhatIsSealed(openVault([newFernetKey()]))

/** Credentials, and the addresses of upload sessions, are searched for in all that the tests leave behind. */
function plantWhatIsSealed(vault: Vault): Vault {
  return {
    ...vault,
    seal: (row, field, value) => {
      const fields = fieldsIn(value)
      const addresses = Object.values(fields).filter(
        (one): one is string => typeof one === 'string' && one.startsWith('https://'),
      )
      plant([...secretsIn(fields), ...addresses])
      return vault.seal(row, field, value)
    },
  }
}

export function randomName(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`
}

export async function someInstance(db: Db): Promise<Instance> {
  const slug = randomName('acme')
  return createInstance(db, { slug, name: `Instance ${slug}` })
}

export async function someAccount(
  db: Db,
  credentials: object = { access_token: 'not-a-real-one' },
): Promise<Account> {
  return createAccount(db, testVault, {
    name: randomName('Dropbox'),
    provider: 'dropbox',
    credentials: { ...credentials },
  })
}

export async function someRun(db: Db, id = randomName('run')): Promise<Run> {
  const instance = await someInstance(db)
  const { run } = await recordRun(db, {
    id,
    instance_slug: instance.slug,
    archive: `${instance.slug}/2026-11-23.dump`,
    workflow_id: `cloud-sync/${instance.slug}/${id}`,
  })
  return run
}

export function pendingDestination(change: Partial<DestinationState> = {}): DestinationState {
  return {
    account: 'Dropbox EU',
    provider: 'dropbox',
    binding_id: 'binding-1',
    status: 'pending',
    error: null,
    remote_path: null,
    remote_id: null,
    size: null,
    bytes_sent: 0,
    hash: null,
    attempt: 0,
    started_at: null,
    finished_at: null,
    retention: null,
    ...change,
  }
}

/** Gives a run an archive that is kept as given. */
export async function saveArchive(db: Db, runId: string, archive: ArchiveOfRun): Promise<Run> {
  return db
    .updateTable('runs')
    .set({ ...archiveColumns(archive), updated_at: sql<string>`now()` })
    .where('id', '=', runId)
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** The files that a run left at its destinations, deleted ones included. */
export async function listUploadedFiles(db: Db, runId: string): Promise<readonly UploadedFile[]> {
  return db
    .selectFrom('uploaded_files')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('uploaded_at')
    .orderBy('account_id')
    .execute()
}
