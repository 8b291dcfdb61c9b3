// The provider's session of one upload as the transfer sees it: kept sealed in the database under the attempt's claim.

import type { UploadSessionRow } from '../../db/schema.ts'
import type { SessionClaim } from '../../db/uploads/claims.ts'
import { dropSession, openSession, restartSession, saveSession } from '../../db/uploads/sessions.ts'
import type { ActivityDeps } from '../dependencies.ts'
import type { Provider, UploadSession } from '../providers/provider.ts'
import { outlastAbsence } from '../worker/database-absence.ts'
import type { ArchiveToSend } from './archive-to-send.ts'
import { providerSession } from './kept-session.ts'
import type { UploadProgress } from './progress.ts'
import type { RateWatch } from './rate-watch.ts'
import type { SessionStore } from './transfer/options.ts'

/** One attempt at work: what it sends, by which provider, under which claim. */
export type Sending = {
  readonly provider: Provider
  readonly archive: ArchiveToSend
  readonly row: UploadSessionRow
  readonly claim: SessionClaim
  readonly progress: UploadProgress
  readonly rate: RateWatch
  readonly signal: AbortSignal
}

/** The session of another archive is given up first. Rejects with a ProviderError while that cannot be done. */
export async function sessionStore(deps: ActivityDeps, sending: Sending): Promise<SessionStore> {
  const { db, vault } = deps
  const { claim, row, provider, archive, progress, rate, signal } = sending
  let session: UploadSession | null = openSession(vault, row)
  const isOtherArchive = row.archive_size !== archive.size || row.archive_mtime_ns !== archive.mtime_ns
  if (session !== null && isOtherArchive) {
    await provider.abortSession(providerSession(session), signal)
    await dropSession(db, claim, {
      remote_folder: row.remote_folder,
      remote_name: row.remote_name,
      archive_size: archive.size,
      archive_mtime_ns: archive.mtime_ns,
    })
    session = null
  }
  if (session !== null) rate.enterSession(session.created_at)
  return {
    load: () => session,
    save: async (changed) => {
      await outlastAbsence(() => saveSession(db, vault, claim, changed), signal)
      session = changed
      rate.enterSession(changed.created_at)
    },
    drop: async () => {
      await outlastAbsence(() => dropSession(db, claim), signal)
      progress.startOver()
      session = null
    },
    restart: async () => {
      const restarted = await restartSession(db, claim)
      progress.startOver()
      session = null
      return restarted.restarts
    },
  }
}
