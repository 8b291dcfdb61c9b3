// Archives of the fixtures: the same bytes for a name and size each time, so that none has to be kept.

import { createCipheriv, createHash } from 'node:crypto'

/** Incompressible bytes that follow from the name alone; a shorter archive of a name begins a longer one. */
export function archiveContent(name: string, bytes: number): Buffer {
  const key = createHash('sha256').update(name).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}
