// What an upload is asked for, and what it hands over to be proven.

import type { FileHash, StatusError } from '../../workflows/types.ts'

export type UploadInput = {
  readonly run_id: string
  readonly instance: string
  readonly account_id: string
  readonly binding_id: string
  readonly folder: string
  /** How the attempts before this activity have ended. The first attempt of this activity waits for as long as that asks. */
  readonly resume_after?: { readonly pause_ms: number; readonly error: StatusError }
}

/** What was uploaded and is to be proven. */
export type UploadedCopy = {
  readonly remote_id: string
  readonly remote_path: string
  readonly size: number
  /** Of the bytes that were read here. */
  readonly hash: FileHash
  readonly already_present: boolean
  readonly uploaded_at: string
  readonly attempt: number
  readonly started_at: string
}
