// A vault that follows its key file: a key that is put in front (`cloud-sync rotate-key`) seals from then on, and opens
// what was sealed anew, without a restart. One look at the file's own data tells whether it has changed. A file that
// cannot be read at that moment changes nothing: the keys that were read last stay.

import { readFileSync, statSync } from 'node:fs'
import type { Logger } from './log.ts'
import { keysOfFile } from './secret-key.ts'
import { openVault, type Vault } from './vault.ts'

/** `keys` are those that were read from the file just now. */
export function openKeyFileVault(
  path: string,
  keys: readonly string[],
  log: Pick<Logger, 'info' | 'warn'>,
): Vault {
  let vault = openVault(keys)
  let seen = signatureOf(path)

  function current(): Vault {
    const now = signatureOf(path)
    if (now === null || now === seen) return vault
    try {
      vault = openVault(keysOfFile(path, readFileSync(path, 'utf8')))
      seen = now
      log.info({ keys: vault.fingerprints }, 'the key file has changed: its keys are in use')
    } catch (err) {
      log.warn({ err }, 'the key file has changed and cannot be used: the keys from before stay in use')
    }
    return vault
  }

  return {
    get fingerprint() {
      return current().fingerprint
    },
    get fingerprints() {
      return current().fingerprints
    },
    seal: (row, field, value) => current().seal(row, field, value),
    open: (row, field, token) => current().open(row, field, token),
  }
}

/** Changes whenever the file does; null when it is not there. */
function signatureOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? null : `${found.ino} ${found.mtimeNs} ${found.size}`
}
