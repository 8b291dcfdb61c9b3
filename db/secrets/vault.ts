// Sealing of what the database must not show: credentials and upload sessions. Fernet has no associated data,
// so the row and field stand inside the sealed text and are checked at opening: a value that someone copied
// into another row does not open there. A Vault holds keys and is never logged.

import { z } from 'zod'
import { parseJson } from '../process/json.ts'
import { FernetError, fernetOpen, fernetSeal } from './fernet.ts'
import { keyFingerprint } from './key-fingerprint.ts'

type VaultErrorCode = 'no_key_opens' | 'wrong_place'

export class VaultError extends Error {
  override readonly name = 'VaultError'
  readonly code: VaultErrorCode

  constructor(code: VaultErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export interface Vault {
  /** Fingerprint of the key that seals. */
  readonly fingerprint: string
  /** Of all keys; the first is that of the key that seals. */
  readonly fingerprints: readonly string[]
  seal(row: string, field: string, value: string): string
  /** Throws VaultError: `no_key_opens`, or `wrong_place` when it was sealed for another row or field. */
  open(row: string, field: string, token: string): string
}

const contents = z.strictObject({ row: z.string(), field: z.string(), value: z.string() })

/** The first key seals, all open. */
export function openVault(keys: readonly string[]): Vault {
  const [sealingKey] = keys
  if (sealingKey === undefined) {
    throw new RangeError('a vault needs a key')
  }

  function unseal(token: string): string {
    for (const key of keys) {
      try {
        return fernetOpen(key, token)
      } catch (error) {
        if (!(error instanceof FernetError)) {
          throw error
        }
        // sealed with another key: the next one may open it
      }
    }
    throw new VaultError('no_key_opens', 'no key of the key file opens this value')
  }

  return {
    fingerprint: keyFingerprint(sealingKey),
    fingerprints: keys.map(keyFingerprint),
    seal: (row, field, value) => fernetSeal(sealingKey, JSON.stringify({ row, field, value })),
    open(row, field, token) {
      const inside = contents.safeParse(parseJson(unseal(token)))
      if (!inside.success || inside.data.row !== row || inside.data.field !== field) {
        throw new VaultError('wrong_place', 'the sealed value belongs to another row or field')
      }
      return inside.data.value
    },
  }
}
