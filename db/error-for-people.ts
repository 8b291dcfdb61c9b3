// Which errors of a start a person can mend: their sentence is enough and is shown alone. Anything else is a fault of
// the program, and is shown with where it came from.

import { ConfigError } from './config.ts'
import { KeyFileError } from './secret-key.ts'
import { StartupError } from './startup-error.ts'
import { VaultError } from './vault.ts'

/** What is shown of an error that kept the program from starting. */
export function startFailureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return isForPeople(error) ? error.message : (error.stack ?? error.message)
}

function isForPeople(error: Error): boolean {
  return [ConfigError, KeyFileError, VaultError, StartupError].some((kind) => error instanceof kind)
}
