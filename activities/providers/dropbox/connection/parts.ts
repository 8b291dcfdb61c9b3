// What every call to Dropbox works with, and what the answers to all of them have in common.

import { z } from 'zod'
import type { HttpClient } from '../../../http/client.ts'
import { ProviderError } from '../../provider.ts'
import type { DropboxTokens } from '../tokens.ts'

export type DropboxEndpoints = {
  /** https://api.dropboxapi.com */
  readonly apiRoot: string
  /** https://content.dropboxapi.com */
  readonly contentRoot: string
}

export type CallParts = {
  readonly endpoints: DropboxEndpoints
  readonly tokens: DropboxTokens
  readonly http: HttpClient
  readonly now: () => number
}

export const CALL_TIMEOUT_MS = 120_000

const taggedErrorSchema = z.object({ error: z.object({ '.tag': z.string() }) })

/** True where another token may be taken: a missing scope does not heal by one, an answer that cannot be read may. */
export function isTokenRefused(body: unknown): boolean {
  const tag = taggedErrorSchema.safeParse(body).data?.error['.tag']
  return tag === undefined || tag === 'expired_access_token' || tag === 'invalid_access_token'
}

/** A call whose 200 cannot be read may have succeeded: callers look again. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new ProviderError('unexpected_answer', 'Dropbox answered something that cannot be read.', {
    httpStatus: 200,
  })
}
