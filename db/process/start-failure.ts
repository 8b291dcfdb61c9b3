// Which errors of a start a person can correct: their sentence is shown alone. Any other error is a fault of the program, and is
// shown with its stack.

import { KeyFileError } from '../secrets/key-file.ts'
import { VaultError } from '../secrets/vault.ts'
import { ConfigError } from './config.ts'
import { StartupError } from './startup-error.ts'

/** What is shown of an error that kept the program from starting. */
export function startFailureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return isForPeople(error) ? error.message : (error.stack ?? error.message)
}

function isForPeople(error: Error): boolean {
  return [ConfigError, KeyFileError, VaultError, StartupError].some((kind) => error instanceof kind)
}
