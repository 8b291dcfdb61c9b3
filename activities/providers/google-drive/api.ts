// The JSON calls of Drive v3 through Google's library: one try each, one renewal of a refused token, answers parsed,
// errors mapped. Every call carries the flag for shared drives, without which their items do not exist.

import { drive, type drive_v3 } from 'googleapis/build/src/apis/drive/index.js'
import type { z } from 'zod'
import { ProviderError } from '../provider.ts'
import { answerOf, type GoogleAuth, wrappedError } from './auth.ts'
import { driveError } from './errors.ts'

export type CallOptions = {
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  readonly retry: false
}
type LibraryCall = (
  files: drive_v3.Drive,
  options: CallOptions,
) => Promise<{ data: unknown; headers: unknown }>

export interface DriveApi {
  /** Makes the call and parses its answer; rejects with a ProviderError or the signal's reason. */
  call<T>(run: LibraryCall, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
  readonly auth: GoogleAuth
}

export function createDriveApi(auth: GoogleAuth): DriveApi {
  const library = drive({
    version: 'v3',
    fetchImplementation: auth.fetch,
    retryConfig: { retry: 0, noResponseRetries: 0 },
  })

  const attempt = async (run: LibraryCall, token: string, signal: AbortSignal): Promise<unknown> => {
    const answer = await run(library, { headers: { Authorization: `Bearer ${token}` }, signal, retry: false })
    return answer.data
  }
  return {
    auth,
    call: async (run, schema, signal) => {
      let data: unknown
      for (let isRenewed = false; ; isRenewed = true) {
        const token = await auth.token(signal)
        try {
          data = await attempt(run, token, signal)
          break
        } catch (cause) {
          signal.throwIfAborted()
          const answer = answerOf(cause)
          if (answer === null) throw wrappedError(cause)
          if (answer.status !== 401 || isRenewed) throw driveError(answer)
          auth.refuse(token)
        }
      }
      const parsed = schema.safeParse(data)
      if (parsed.success) return parsed.data
      throw new ProviderError('unexpected_answer', 'Google Drive answered in a form that is not known')
    },
  }
}
