// The commonest mistake in setting up Google Drive: a folder of somebody's My Drive that is shared with the service account.
// The service account can read it, but a file that it puts there would be its own, and it has no storage to own one
// (docs/providers.md, 1.2). Google answers as for a full drive, in one of two wordings, so the folder decides.

import { ProviderError } from '../provider.ts'
import type { RootFolder } from './root-folder.ts'
import type { Uploads } from './upload.ts'

type MyDriveDeps = {
  /** Whether the service account acts for a user, who has storage. */
  readonly hasSubject: boolean
  readonly rootOf: (signal: AbortSignal) => Promise<RootFolder>
}

interface MyDriveWatch {
  /** Carries out what needs storage in the account's folder. Throws `folder_in_my_drive` where there cannot be any. */
  store<Result>(signal: AbortSignal, step: () => Promise<Result>): Promise<Result>
  /** The same uploads, whose steps that need storage are carried out by `store`. */
  over(uploads: Uploads): Uploads
}

export function watchMyDrive({ hasSubject, rootOf }: MyDriveDeps): MyDriveWatch {
  const store = async <Result>(signal: AbortSignal, step: () => Promise<Result>): Promise<Result> => {
    try {
      return await step()
    } catch (cause) {
      const isFull = cause instanceof ProviderError && cause.code === 'storage_quota_exceeded'
      if (!isFull || hasSubject || (await rootOf(signal)).driveId !== undefined) throw cause
      throw new ProviderError(
        'folder_in_my_drive',
        `The folder is in My Drive, where a service account has no storage (${cause.httpStatus}).`,
        { httpStatus: cause.httpStatus },
      )
    }
  }
  return {
    store,
    over: (uploads) => ({
      ...uploads,
      openSession: (target, signal, forgotten) =>
        store(signal, () => uploads.openSession(target, signal, forgotten)),
      send: (target, session, source, offset, context) =>
        store(context.signal, () => uploads.send(target, session, source, offset, context)),
    }),
  }
}
