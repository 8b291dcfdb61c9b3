// Backups as Odoo installations make them, small but whole: the web manager's .zip (dump.sql, manifest.json, filestore),
// a pg_dump archive of the database alone, and a .tar.gz of a shell script. Documents in it are random, so the archives
// do not shrink and no two are equal.

import { createHash, randomBytes } from 'node:crypto'
import type { Dump, DumpedTable } from './pg-dump.ts'

export type ArchiveEntry = { readonly name: string; readonly content: Buffer; readonly modifiedAt: Date }

const MiB = 1024 ** 2
const DOCUMENT_BYTES = 768 * 1024
const PARTNERS = 20_000
const TOWNS = ['Aachen', 'Gent', 'Lyon', 'Porto', 'Siena', 'Turku', 'Utrecht', 'Vilnius']

/** What goes into Odoo's zip, or beneath `folder` into a tar: about `bytes` of documents, and a database dump. */
export function* odooBackup(
  database: string,
  bytes: number,
  madeAt: Date,
  folder = '',
): Generator<ArchiveEntry> {
  const entry = (name: string, content: Buffer): ArchiveEntry => ({
    name: `${folder}${name}`,
    content,
    modifiedAt: madeAt,
  })
  yield entry('manifest.json', Buffer.from(`${JSON.stringify(manifestOf(database), null, 4)}\n`))
  yield entry('dump.sql', sqlDump(database))
  for (let left = bytes; left > 0; left -= DOCUMENT_BYTES) {
    const content = randomBytes(Math.min(left, DOCUMENT_BYTES))
    // Odoo names a document by the SHA-1 of its content, in a folder of the first two digits.
    const sha1 = createHash('sha1').update(content).digest('hex')
    yield entry(`filestore/${sha1.slice(0, 2)}/${sha1}`, content)
  }
}

/** The database with documents in it, `ir_attachment.location` = db; about `bytes` when packed. */
export function odooDatabase(database: string, bytes: number, madeAt: Date): Dump {
  return { database, madeAt, tables: [partnerTable(), attachmentTable(bytes)] }
}

function manifestOf(database: string): Record<string, unknown> {
  return {
    odoo_dump: '1',
    db_name: database,
    version: '18.0',
    version_info: [18, 0, 0, 'final', 0, ''],
    major_version: '18.0',
    pg_version: '15.8',
    modules: { base: '18.0.1.3', contacts: '18.0.1.0', sale: '18.0.1.2', stock: '18.0.1.1' },
  }
}

function sqlDump(database: string): Buffer {
  const { name, columns, columnNames, rows } = partnerTable()
  return Buffer.concat([
    Buffer.from(
      `--\n-- PostgreSQL database dump of ${database}\n--\n\n` +
        `SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n` +
        `CREATE TABLE public.${name} (${columns});\n\n` +
        `COPY public.${name} (${columnNames.join(', ')}) FROM stdin;\n`,
    ),
    ...rows(),
    Buffer.from(`\\.\n\nALTER TABLE ONLY public.${name} ADD CONSTRAINT ${name}_pkey PRIMARY KEY (id);\n`),
  ])
}

function partnerTable(): DumpedTable {
  return {
    name: 'res_partner',
    columns:
      'id integer NOT NULL, name text NOT NULL, city text, email text, create_date timestamp without time zone',
    columnNames: ['id', 'name', 'city', 'email', 'create_date'],
    *rows() {
      let text = ''
      for (let id = 1; id <= PARTNERS; id += 1) {
        const town = TOWNS[id % TOWNS.length] ?? ''
        text += `${id}\tCustomer ${id}\t${town}\tcustomer.${id}@example.com\t2026-01-01 00:00:00\n`
        if (text.length < MiB && id < PARTNERS) continue
        yield Buffer.from(text)
        text = ''
      }
    },
  }
}

function attachmentTable(bytes: number): DumpedTable {
  return {
    name: 'ir_attachment',
    columns: 'id integer NOT NULL, name text NOT NULL, mimetype text, db_datas text',
    columnNames: ['id', 'name', 'mimetype', 'db_datas'],
    *rows() {
      let id = 0
      for (let left = bytes; left > 0; left -= DOCUMENT_BYTES) {
        id += 1
        const datas = randomBytes(Math.min(left, DOCUMENT_BYTES)).toString('base64')
        yield Buffer.from(`${id}\tinvoice-${id}.pdf\tapplication/pdf\t${datas}\n`)
      }
    },
  }
}
