// Zip archives, written entry by entry and read back (APPNOTE 6.3: stored and deflated entries, no zip64, so at most
// 4 GiB). What does not shrink is stored as it is.

import { promisify } from 'node:util'
import { crc32, deflateRaw, inflateRaw } from 'node:zlib'
import type { ArchiveEntry } from './odoo.ts'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

const LOCAL = 0x04034b50
const DIRECTORY = 0x02014b50
const END = 0x06054b50
const LOCAL_BYTES = 30
const DIRECTORY_BYTES = 46
const END_BYTES = 22
/** Zip 2.0; names are UTF-8 (flag bit 11). */
const VERSION = 20
const UTF8_NAMES = 0x0800

export async function* zipArchive(entries: Iterable<ArchiveEntry>): AsyncGenerator<Buffer> {
  const directory: Buffer[] = []
  let at = 0
  for (const { name, content, modifiedAt } of entries) {
    const small = await deflate(content, { level: 1 })
    const isSmaller = small.byteLength < content.byteLength
    const packed = isSmaller ? small : content
    const nameBytes = Buffer.from(name)
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(VERSION, 0)
    shared.writeUInt16LE(UTF8_NAMES, 2)
    shared.writeUInt16LE(isSmaller ? 8 : 0, 4)
    shared.writeUInt32LE(dosTime(modifiedAt), 6)
    shared.writeUInt32LE(crc32(content), 10)
    shared.writeUInt32LE(packed.byteLength, 14)
    shared.writeUInt32LE(content.byteLength, 18)
    shared.writeUInt16LE(nameBytes.byteLength, 22)
    const record = Buffer.alloc(DIRECTORY_BYTES)
    record.writeUInt32LE(DIRECTORY, 0)
    record.writeUInt16LE(VERSION, 4)
    shared.copy(record, 6)
    record.writeUInt32LE(at, 42)
    directory.push(record, nameBytes)
    const signature = Buffer.alloc(4)
    signature.writeUInt32LE(LOCAL)
    yield Buffer.concat([signature, shared, nameBytes])
    yield packed
    at += LOCAL_BYTES + nameBytes.byteLength + packed.byteLength
  }
  const records = Buffer.concat(directory)
  const end = Buffer.alloc(END_BYTES)
  end.writeUInt32LE(END, 0)
  end.writeUInt16LE(directory.length / 2, 8)
  end.writeUInt16LE(directory.length / 2, 10)
  end.writeUInt32LE(records.byteLength, 12)
  end.writeUInt32LE(at, 16)
  yield records
  yield end
}

/** The names in a zip archive, after every entry has been unpacked and its checksum compared. Throws when damaged. */
export async function checkZip(archive: Buffer): Promise<string[]> {
  const end = archive.byteLength - END_BYTES
  if (end < 0 || archive.readUInt32LE(end) !== END) throw new Error('the zip archive has no end')
  const names: string[] = []
  let at = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== DIRECTORY) throw new Error('the zip directory is damaged')
    const nameBytes = archive.readUInt16LE(at + 28)
    const name = archive.toString('utf8', at + DIRECTORY_BYTES, at + DIRECTORY_BYTES + nameBytes)
    const local = archive.readUInt32LE(at + 42)
    if (archive.readUInt32LE(local) !== LOCAL) throw new Error(`${name} is not where the directory says`)
    const start = local + LOCAL_BYTES + nameBytes
    const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20))
    const content = archive.readUInt16LE(at + 10) === 0 ? packed : await inflate(packed)
    if (crc32(content) !== archive.readUInt32LE(at + 16)) throw new Error(`${name} is damaged`)
    names.push(name)
    at += DIRECTORY_BYTES + nameBytes
  }
  return names
}

/** Date and time as MS-DOS has them, in steps of two seconds: the time in the low half, the date in the high one. */
function dosTime(at: Date): number {
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1)
  const date = ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate()
  return date * 0x10000 + time
}
