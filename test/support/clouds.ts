// The three emulated clouds under one hand, for what must hold at every provider.

import { createHash } from 'node:crypto'
import type { TestAuthority } from '../clouds/certificates.ts'
import type { CloudDouble, CloudOptions } from '../clouds/cloud-double.ts'
import { startDropboxEmulator } from '../clouds/dropbox/index.ts'
import { startGoogleEmulator } from '../clouds/google/index.ts'
import { startMicrosoftEmulator } from '../clouds/microsoft/index.ts'

export type EmulatorStarter = (authority: TestAuthority, options?: CloudOptions) => Promise<CloudDouble>

/** The real cloud's name → its emulator. */
export const EMULATORS: Readonly<Record<'google_drive' | 'dropbox' | 'onedrive', EmulatorStarter>> = {
  google_drive: startGoogleEmulator,
  dropbox: startDropboxEmulator,
  onedrive: startMicrosoftEmulator,
}

export const ALL_CLOUDS: readonly EmulatorStarter[] = Object.values(EMULATORS)

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
