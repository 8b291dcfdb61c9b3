// What every step of an upload works with.

import type { HttpClient } from '../../http/client.ts'
import type { DriveApi } from './api.ts'
import type { Listing } from './listing.ts'
import type { SessionRequests } from './session.ts'

export type UploadContext = {
  readonly api: DriveApi
  readonly listing: Listing
  readonly http: HttpClient
  readonly requests: SessionRequests
  /** Without a slash at its end. */
  readonly apiRoot: string
  readonly now: () => number
}
