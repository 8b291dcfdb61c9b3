// PostgreSQL's custom archive format as `pg_dump -Fc` writes it into a pipe, and read back: header, table of contents,
// then the rows of each table as COPY text in one zlib stream. Version 1.14, that of PostgreSQL 12 to 15, which every
// pg_restore since then reads (src/bin/pg_dump/pg_backup_archiver.c and pg_backup_custom.c; checked against pg_restore).

import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createDeflate, inflate as inflateCallback } from 'node:zlib'

const inflate = promisify(inflateCallback)

const MAGIC = 'PGDMP'
const VERSION = [1, 14, 0] as const
/** Bytes of an integer and of a file offset, then the number of the custom format. */
const SIZES = [4, 8, 1] as const
const PRE_DATA = 2
const DATA = 3
const POST_DATA = 4
const BLOCK_OF_DATA = 1
const OFFSET_UNKNOWN = 1
const OFFSET_NONE = 3
/** Class and owner of objects in the catalogue: pg_class. */
const PG_CLASS = '1259'

export type DumpedTable = {
  readonly name: string
  /** 'id integer NOT NULL, name text' */
  readonly columns: string
  readonly columnNames: readonly string[]
  /** Rows as COPY text: values parted by tabs, each row ended by a line feed. */
  readonly rows: () => Iterable<Buffer>
}

export type Dump = {
  readonly database: string
  readonly madeAt: Date
  readonly tables: readonly DumpedTable[]
}

type TocEntry = {
  readonly tag: string
  readonly desc: string
  readonly section: number
  readonly definition?: string
  readonly drop?: string
  readonly copy?: string
  readonly needs?: number
}

export async function* pgDumpArchive(dump: Dump): AsyncGenerator<Buffer> {
  const toc = [...settings(), ...dump.tables.flatMap(entriesOfTable)]
  yield Buffer.concat([
    headOf(dump),
    int(toc.length),
    ...toc.map((entry, index) => tocEntry(entry, index + 1)),
  ])
  const dataIds = toc.flatMap((entry, index) => (entry.section === DATA ? [index + 1] : []))
  for (const [index, table] of dump.tables.entries()) {
    yield Buffer.concat([Buffer.from([BLOCK_OF_DATA]), int(dataIds[index] ?? 0)])
    for await (const piece of deflated(table.rows())) {
      yield int(piece.byteLength)
      yield piece
    }
    yield int(0)
  }
}

/** The names of the tables with data, after all data was unpacked. Throws when the archive is damaged or cut off. */
export async function checkPgDump(archive: Buffer): Promise<string[]> {
  const read = reader(archive)
  const head = Buffer.concat([Buffer.from(MAGIC), Buffer.from([...VERSION, ...SIZES])])
  if (!read.bytes(head.byteLength).equals(head))
    throw new Error('this is not a pg_dump archive of version 1.14')
  for (let field = 0; field < 8; field += 1) read.int()
  for (let field = 0; field < 3; field += 1) read.string()
  const tables = new Map<number, string>()
  for (let left = read.int(); left > 0; left -= 1) {
    const id = read.int()
    const hasData = read.int() === 1
    const [, , tag] = [read.string(), read.string(), read.string()]
    read.string()
    read.int()
    for (let field = 0; field < 8; field += 1) read.string()
    while (read.string() !== null);
    read.bytes(9)
    if (hasData) tables.set(id, tag ?? '')
  }
  for (const name of tables.values()) {
    if (read.bytes(1)[0] !== BLOCK_OF_DATA || tables.get(read.int()) !== name)
      throw new Error(`no data of ${name}`)
    const pieces: Buffer[] = []
    for (let length = read.int(); length > 0; length = read.int()) pieces.push(read.bytes(length))
    await inflate(Buffer.concat(pieces))
  }
  if (!read.isAtEnd()) throw new Error('the archive has more than its table of contents says')
  return [...tables.values()]
}

function settings(): TocEntry[] {
  const set = (tag: string, definition: string) => ({ tag, desc: tag, section: PRE_DATA, definition })
  return [
    set('ENCODING', "SET client_encoding = 'UTF8';\n"),
    set('STDSTRINGS', "SET standard_conforming_strings = 'on';\n"),
    set('SEARCHPATH', "SELECT pg_catalog.set_config('search_path', '', false);\n"),
  ]
}

function entriesOfTable({ name, columns, columnNames }: DumpedTable, index: number): TocEntry[] {
  const table = `public.${name}`
  const first = settings().length + 3 * index + 1
  return [
    {
      ...{ tag: name, desc: 'TABLE', section: PRE_DATA },
      definition: `CREATE TABLE ${table} (${columns});\n`,
      drop: `DROP TABLE ${table};\n`,
    },
    {
      ...{ tag: name, desc: 'TABLE DATA', section: DATA, needs: first },
      copy: `COPY ${table} (${columnNames.join(', ')}) FROM stdin;\n`,
    },
    {
      ...{ tag: `${name} ${name}_pkey`, desc: 'CONSTRAINT', section: POST_DATA, needs: first },
      definition: `ALTER TABLE ONLY ${table} ADD CONSTRAINT ${name}_pkey PRIMARY KEY (id);\n`,
      drop: `ALTER TABLE ONLY ${table} DROP CONSTRAINT ${name}_pkey;\n`,
    },
  ]
}

function headOf({ database, madeAt }: Dump): Buffer {
  const time = [
    ...[madeAt.getUTCSeconds(), madeAt.getUTCMinutes(), madeAt.getUTCHours()],
    ...[madeAt.getUTCDate(), madeAt.getUTCMonth(), madeAt.getUTCFullYear() - 1900, 0],
  ]
  return Buffer.concat([
    Buffer.from(MAGIC),
    Buffer.from([...VERSION, ...SIZES]),
    // The level of compression: zlib's own default is -1.
    int(-1),
    ...time.map(int),
    string(database),
    string('15.8'),
    string('15.8'),
  ])
}

function tocEntry({ tag, desc, section, definition, drop, copy, needs }: TocEntry, id: number): Buffer {
  const isSetting = tag === desc
  return Buffer.concat([
    int(id),
    int(section === DATA ? 1 : 0),
    string(isSetting ? '0' : PG_CLASS),
    string(isSetting ? '0' : String(16_384 + id)),
    string(tag),
    string(desc),
    int(section),
    string(definition ?? ''),
    string(drop ?? ''),
    string(copy ?? null),
    string(isSetting ? null : 'public'),
    string(null),
    string(desc === 'TABLE' ? 'heap' : null),
    string(isSetting ? '' : 'odoo'),
    string('false'),
    ...(needs === undefined ? [] : [string(String(needs))]),
    string(null),
    // Into a pipe pg_dump cannot come back to note where the data begins; pg_restore looks for it then.
    Buffer.from([section === DATA ? OFFSET_UNKNOWN : OFFSET_NONE]),
    Buffer.alloc(SIZES[1]),
  ])
}

/** A byte for the sign, then four bytes of the amount, the lowest first. */
function int(value: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = value < 0 ? 1 : 0
  bytes.writeUInt32LE(Math.abs(value), 1)
  return bytes
}

function string(value: string | null): Buffer {
  if (value === null) return int(-1)
  const bytes = Buffer.from(value)
  return Buffer.concat([int(bytes.byteLength), bytes])
}

function reader(archive: Buffer) {
  let at = 0
  const bytes = (length: number) => {
    if (at + length > archive.byteLength) throw new Error('the pg_dump archive is cut off')
    at += length
    return archive.subarray(at - length, at)
  }
  const int = () => {
    const sign = bytes(1)[0] === 1 ? -1 : 1
    return sign * bytes(4).readUInt32LE()
  }
  const string = () => {
    const length = int()
    return length < 0 ? null : bytes(length).toString()
  }
  return { bytes, int, string, isAtEnd: () => at === archive.byteLength }
}

async function* deflated(rows: Iterable<Buffer>): AsyncGenerator<Buffer> {
  const packing = createDeflate({ level: 1 })
  const fed = pipeline(rows, packing)
  // Looked at below; a failure must not count as unhandled before that.
  fed.catch(() => undefined)
  for await (const piece of packing) yield piece as Buffer
  await fed
}
