// A vault that follows its key file: a key that is put in front (`cloud-sync rotate-key`) seals from then on, and opens
// what was sealed anew, without a restart. One look at the file's own data tells whether it has changed. A file that
// cannot be used at that moment (gone, malformed, open to others) changes nothing: the keys that were read last stay, and
// one warning says so.

import { statSync } from 'node:fs'
import { errnoOf } from '../machine/errno.ts'
import type { Logger } from '../process/log.ts'
import { readKeyFileSync } from './key-file.ts'
import { openVault, type Vault } from './vault.ts'

/** `keys` are those that were read from the file just now. */
export function openKeyFileVault(
  path: string,
  keys: readonly string[],
  log: Pick<Logger, 'info' | 'warn'>,
): Vault {
  let vault = openVault(keys)
  let seen = signatureOf(path)
  let warnedOf: string | null = null

  function current(): Vault {
    const now = signatureOf(path)
    if (now === seen) {
      warnedOf = null
      return vault
    }
    try {
      vault = openVault(readKeyFileSync(path))
      seen = now
      log.info({ keys: vault.fingerprints }, 'the key file has changed: its keys are in use')
    } catch (err) {
      // It is tried again at each call, since what stood in the way may be gone without a change of the file.
      if (warnedOf !== now) {
        log.warn({ err }, 'the key file has changed and cannot be used: the keys from before stay in use')
      }
      warnedOf = now
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

/** Changes whenever the file or its mode does. */
function signatureOf(path: string): string {
  try {
    const { ino, mtimeNs, size, mode } = statSync(path, { bigint: true })
    return `${ino} ${mtimeNs} ${size} ${mode}`
  } catch (error) {
    // Reading it fails as well, and says why.
    return errnoOf(error)
  }
}
