// Tar archives in the ustar form (POSIX.1-1988), written entry by entry and read back. Names of at most 100 bytes.

import type { ArchiveEntry } from './odoo.ts'

const BLOCK = 512
const NAME_BYTES = 100

export function* tarArchive(entries: Iterable<ArchiveEntry>): Generator<Buffer> {
  for (const entry of entries) {
    yield headerOf(entry)
    yield entry.content
    const rest = entry.content.byteLength % BLOCK
    if (rest > 0) yield Buffer.alloc(BLOCK - rest)
  }
  yield Buffer.alloc(2 * BLOCK)
}

/** The names in a tar archive, after every header's checksum was compared. Throws when it is damaged or cut off. */
export function checkTar(tar: Buffer): string[] {
  const names: string[] = []
  for (let at = 0; ; ) {
    const header = tar.subarray(at, at + BLOCK)
    if (header.byteLength < BLOCK) throw new Error('the tar archive is cut off')
    if (header[0] === 0) return names
    const name = text(header, 0, NAME_BYTES)
    if (Number.parseInt(text(header, 148, 8), 8) !== checksumOf(header)) {
      throw new Error(`the header of ${name} is damaged`)
    }
    names.push(name)
    const size = Number.parseInt(text(header, 124, 12), 8)
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
}

function headerOf({ name, content, modifiedAt }: ArchiveEntry): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES) throw new Error(`${name} is too long for a ustar header`)
  const header = Buffer.alloc(BLOCK)
  header.write(name, 0)
  header.write(octal(0o640, 8), 100)
  header.write(octal(1000, 8), 108)
  header.write(octal(1000, 8), 116)
  header.write(octal(content.byteLength, 12), 124)
  header.write(octal(Math.floor(modifiedAt.getTime() / 1000), 12), 136)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  header.write('odoo', 265)
  header.write('odoo', 297)
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** The sum of all bytes, with the field of the sum itself counted as eight spaces. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20
  header.forEach((byte, index) => {
    if (index < 148 || index >= 156) sum += byte
  })
  return sum
}

function octal(value: number, bytes: number): string {
  return `${value.toString(8).padStart(bytes - 1, '0')}\0`
}

function text(header: Buffer, start: number, bytes: number): string {
  return header
    .toString('utf8', start, start + bytes)
    .replace(/\0.*$/s, '')
    .trim()
}
