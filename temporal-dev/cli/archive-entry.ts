// Takes one file out of a zip or gzipped tar archive that is held in memory, without a program of the system.
// Reads what the two published forms of the Temporal CLI use (APPNOTE 6.3: stored and deflated entries, no zip64;
// POSIX ustar), and refuses everything else.
import { promisify } from 'node:util'
import { crc32, gunzip, inflateRaw } from 'node:zlib'

const inflate = promisify(inflateRaw)
const unzip = promisify(gunzip)

const MAX_ENTRY_BYTES = 1024 ** 3
const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const LOCAL_ENTRY = 0x04034b50
const END_BYTES = 22
const TAR_BLOCK_BYTES = 512

/** The content of the first entry whose last path component is `name`. Throws when there is none or it is damaged. */
export async function readArchiveEntry(archive: Buffer, name: string): Promise<Buffer> {
  if (archive.length > 4 && archive.readUInt32LE(0) === LOCAL_ENTRY) return await readZip(archive, name)
  if (archive.length > 2 && archive.readUInt16BE(0) === 0x1f8b) return await readTarGz(archive, name)
  throw new Error('the archive is neither zip nor tar.gz')
}

async function readZip(archive: Buffer, name: string): Promise<Buffer> {
  const end = findEnd(archive)
  const entries = archive.readUInt16LE(end + 10)
  let at = archive.readUInt32LE(end + 16)
  for (let i = 0; i < entries; i++) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('the zip directory is damaged')
    const method = archive.readUInt16LE(at + 10)
    const checksum = archive.readUInt32LE(at + 16)
    const packedBytes = archive.readUInt32LE(at + 20)
    const nameBytes = archive.readUInt16LE(at + 28)
    const local = archive.readUInt32LE(at + 42)
    const entryName = archive.toString('utf8', at + 46, at + 46 + nameBytes)
    if (lastComponent(entryName) === name) {
      // The local header repeats the name and has an extra field of its own length before the data.
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
      const packed = archive.subarray(start, start + packedBytes)
      const content = await unpack(packed, method)
      if (crc32(content) !== checksum) throw new Error(`${name} is damaged in the zip archive`)
      return content
    }
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  throw new Error(`the zip archive holds no ${name}`)
}

function findEnd(archive: Buffer): number {
  // The end record is followed by a comment of up to 64 KiB.
  const lowest = Math.max(0, archive.length - END_BYTES - 0xffff)
  for (let at = archive.length - END_BYTES; at >= lowest; at--) {
    if (archive.readUInt32LE(at) === END_OF_DIRECTORY) return at
  }
  throw new Error('the zip archive is cut off')
}

async function unpack(packed: Buffer, method: number): Promise<Buffer> {
  if (method === 0) return packed
  if (method === 8) return await inflate(packed, { maxOutputLength: MAX_ENTRY_BYTES })
  throw new Error(`the zip archive uses compression method ${method}`)
}

async function readTarGz(archive: Buffer, name: string): Promise<Buffer> {
  const tar = await unzip(archive, { maxOutputLength: MAX_ENTRY_BYTES })
  let at = 0
  while (at + TAR_BLOCK_BYTES <= tar.length && tar[at] !== 0) {
    const sizeBytes = Number.parseInt(text(tar, at + 124, 12), 8)
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error('the tar archive is damaged')
    const type = text(tar, at + 156, 1)
    const start = at + TAR_BLOCK_BYTES
    if ((type === '0' || type === '') && lastComponent(text(tar, at, 100)) === name) {
      if (start + sizeBytes > tar.length) throw new Error('the tar archive is cut off')
      return tar.subarray(start, start + sizeBytes)
    }
    at = start + Math.ceil(sizeBytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES
  }
  throw new Error(`the tar archive holds no ${name}`)
}

function text(buffer: Buffer, start: number, length: number): string {
  const field = buffer.toString('latin1', start, start + length)
  const end = field.indexOf('\0')
  return (end < 0 ? field : field.slice(0, end)).trim()
}

function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
