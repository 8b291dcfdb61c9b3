// The Odoo instances whose archives are uploaded. An instance with runs or bindings cannot be deleted.

import { sql } from 'kysely'
import { z } from 'zod'
import { DbConflict, withConflicts } from '../conflict.ts'
import type { DbOrTransaction } from '../database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from '../page.ts'
import type { Instance } from '../schema.ts'

export async function createInstance(
  db: DbOrTransaction,
  values: { readonly slug: string; readonly name: string },
): Promise<Instance> {
  return withConflicts(
    { instances_pkey: () => new DbConflict('duplicate', 'slug', `The slug "${values.slug}" is taken.`) },
    () => db.insertInto('instances').values(values).returningAll().executeTakeFirstOrThrow(),
  )
}

/** By slug. */
export async function listInstances(
  db: DbOrTransaction,
  options: { readonly limit?: number; readonly cursor?: string | undefined } = {},
): Promise<Page<Instance>> {
  const limit = pageSize(options.limit ?? 50)
  let query = db
    .selectFrom('instances')
    .selectAll()
    .orderBy('slug')
    .limit(limit + 1)
  if (options.cursor !== undefined) {
    const [slug] = decodeCursor(options.cursor, z.tuple([z.string()]))
    query = query.where('slug', '>', slug)
  }
  return toPage(await query.execute(), limit, (row) => encodeCursor([row.slug]))
}

export async function getInstance(db: DbOrTransaction, slug: string): Promise<Instance | null> {
  const row = await db.selectFrom('instances').selectAll().where('slug', '=', slug).executeTakeFirst()
  return row ?? null
}

/** Null when there is no such instance. */
export async function updateInstance(
  db: DbOrTransaction,
  slug: string,
  values: { readonly name: string },
): Promise<Instance | null> {
  const row = await db
    .updateTable('instances')
    .set({ name: values.name, updated_at: sql<string>`now()` })
    .where('slug', '=', slug)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** False when there is no such instance; throws DbConflict `still_referenced` while it has bindings or runs. */
export async function deleteInstance(db: DbOrTransaction, slug: string): Promise<boolean> {
  const result = await withConflicts(
    {
      bindings_instance_slug_fkey: () =>
        new DbConflict('still_referenced', 'slug', 'The instance has bindings: delete them first.'),
      runs_instance_slug_fkey: () =>
        new DbConflict('still_referenced', 'slug', 'The instance has runs, whose history is kept.'),
    },
    () => db.deleteFrom('instances').where('slug', '=', slug).executeTakeFirst(),
  )
  return result.numDeletedRows > 0n
}
