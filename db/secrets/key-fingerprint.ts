// Names a key without revealing it: for the account rows, the log and the readiness answer.

import { createHash } from 'node:crypto'

/** First 8 hex digits of the SHA-256 of the key's 32 bytes. */
export function keyFingerprint(key: string): string {
  return createHash('sha256').update(Buffer.from(key, 'base64url')).digest('hex').slice(0, 8)
}
