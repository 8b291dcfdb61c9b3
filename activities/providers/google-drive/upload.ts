// One file through a resumable session (docs/providers.md, 1.3 and 1.4). The file's ID is made before the session, and kept in
// it, so that the file can be found whatever answer gets lost, and a repeated end cannot make a second one. Where Drive
// does not take such an ID, the file is found again by the marks it carries.

import type { HttpClient } from '../../http/client.ts'
import type { Provider } from '../provider.ts'
import type { DriveApi } from './api.ts'
import type { Listing } from './listing.ts'
import { openSession } from './open-session.ts'
import { querySession } from './query-session.ts'
import { send } from './send.ts'
import { createSessionRequests, errorOf, sessionSchema } from './session.ts'
import type { UploadContext } from './upload-context.ts'

export type Uploads = Pick<Provider, 'openSession' | 'querySession' | 'send' | 'abortSession'>

export function createUploads(deps: {
  readonly api: DriveApi
  readonly listing: Listing
  readonly http: HttpClient
  readonly apiRoot: string
  readonly now: () => number
}): Uploads {
  const { api, http } = deps
  const apiRoot = deps.apiRoot.replace(/\/+$/, '')
  const requests = createSessionRequests({ auth: api.auth, http, apiRoot })
  const parts: UploadContext = { ...deps, apiRoot, requests }
  return {
    openSession: (target, signal, forgotten) => openSession(parts, target, signal, forgotten),
    querySession: (target, session, signal) => querySession(parts, target, session, signal),
    send: (target, session, source, offset, context) => send(parts, target, session, source, offset, context),
    abortSession: async (session, signal) => {
      const known = sessionSchema.safeParse(session)
      if (!known.success) return
      const answer = await requests.giveUp(known.data.uri, signal)
      // Google answers 499 to a session that was given up. Any other refusal leaves an invisible one for a week.
      if (answer.status === 429 || answer.status === 408 || answer.status >= 500) throw errorOf(answer)
    },
  }
}
