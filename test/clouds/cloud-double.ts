// What every emulated cloud offers to tests, the demo and the benchmark, whichever provider it plays.

import type { FileHash, ProviderKind } from '../../workflows/types.ts'
import type { CloudServer } from './cloud-server.ts'

export type StoredFile = {
  readonly id: string
  /** '/odoo-backups/acme/x.dump', from the root of the account (Drive: from the folder of `settings.folder_id`). */
  readonly path: string
  readonly size: number
  /** The provider's hashes of what really arrived. */
  readonly hashes: readonly FileHash[]
  readonly uploaded_at: string
  /** The bytes, where the emulator keeps content. */
  readonly content: Buffer | null
}

export type CloudOptions = {
  /** Keep contents in memory (small files) or only hash them; default true. */
  readonly keepContent?: boolean | undefined
  /** Entries of a listing page; small by default, so that paging is always exercised. */
  readonly pageSize?: number | undefined
  /** Life of an access token in seconds. */
  readonly tokenLifeSeconds?: number | undefined
  readonly port?: number | undefined
}

export interface CloudDouble {
  readonly kind: ProviderKind
  readonly server: CloudServer
  /** Endpoint variables (docs/design.md, "Endpoints") that point the program to this emulator. */
  readonly env: Readonly<Record<string, string>>
  /** Credentials and settings of an account that works. */
  readonly credentials: Record<string, unknown>
  readonly settings: Record<string, unknown>
  /** Files visible at the destination; only those in or below the folder when one is given. */
  files(folderPath?: string): readonly StoredFile[]
  /** Puts a file there as if somebody else had uploaded it; makes the folders. */
  putFile(path: string, content: Buffer, uploadedAt?: string): StoredFile
  /** Takes a file away, as if somebody else had done it. */
  removeFile(path: string): void
  /** Upload sessions that the provider still holds. */
  openSessions(): number
  close(): Promise<void>
}
