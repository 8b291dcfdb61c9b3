// The JSON calls of Drive v3 through Google's library: one try each, a refused token renewed, answers parsed,
// errors mapped. Every call carries the flag for shared drives, without which their items do not exist.

import { drive, type drive_v3 } from 'googleapis/build/src/apis/drive/index.js'
import type { z } from 'zod'
import { ProviderError } from '../provider.ts'
import { withRenewal } from '../token-renewal.ts'
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

  const attempt = async (run: LibraryCall, token: string, signal: AbortSignal) => {
    try {
      const headers = { Authorization: `Bearer ${token}` }
      const answer = await run(library, { headers, signal, retry: false })
      return { data: answer.data, refusal: null }
    } catch (cause) {
      signal.throwIfAborted()
      const refusal = answerOf(cause)
      if (refusal === null) throw wrappedError(cause)
      return { data: undefined, refusal }
    }
  }
  return {
    auth,
    call: async (run, schema, signal) => {
      const { data, refusal } = await withRenewal(
        auth.tokens,
        (token) => attempt(run, token, signal),
        (answer) => answer.refusal?.status === 401,
        signal,
      )
      if (refusal !== null) throw driveError(refusal)
      const parsed = schema.safeParse(data)
      if (parsed.success) return parsed.data
      throw new ProviderError('unexpected_answer', 'Google Drive answered in a form that is not known.')
    },
  }
}
