// What is kept of a session between attempts: the provider's own part, and what the upload must know of it. The name and the
// folder are kept with it, because a later attempt must not choose others.

import { z } from 'zod'
import { StepError } from '../failures.ts'
import type { RemoteFolder, UploadSession } from '../providers/provider.ts'

export type KeptSession = {
  readonly name: string
  /** Null in sessions that an earlier version saved. */
  readonly folder: RemoteFolder | null
  /** The provider's part. */
  readonly session: UploadSession
  /** The ID of the file that this session made and that the provider does not show any more; null for all others. */
  readonly vanished: string | null
}

const keptSchema = z.object({
  remote_name: z.string(),
  remote_folder: z.object({ id: z.string(), path: z.string() }).optional(),
  vanished: z.string().optional(),
  provider_session: z.looseObject({ created_at: z.string() }),
})

/** The form in which it is sealed. */
export function keptForm({ name, folder, session, vanished }: KeptSession): UploadSession {
  return {
    created_at: session.created_at,
    remote_name: name,
    ...(folder === null ? {} : { remote_folder: { id: folder.id, path: folder.path } }),
    ...(vanished === null ? {} : { vanished }),
    provider_session: session,
  }
}

/** Throws StepError `internal_error` for what this program did not write. */
export function readKept(stored: UploadSession): KeptSession {
  const parsed = keptSchema.safeParse(stored)
  if (!parsed.success) {
    throw new StepError(
      'internal_error',
      'The stored upload session does not have the form that this program writes.',
    )
  }
  const { remote_name, remote_folder, vanished, provider_session } = parsed.data
  return {
    name: remote_name,
    folder: remote_folder ?? null,
    session: provider_session,
    vanished: vanished ?? null,
  }
}

/** The provider's own part of what is kept. */
export function providerSession(stored: UploadSession): UploadSession {
  return readKept(stored).session
}
