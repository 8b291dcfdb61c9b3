// What Microsoft Entra says when it gives no token, in the codes of workflows/errors.ts, by its AADSTS number
// (docs/providers.md, 3.1). The text of an answer is not passed on: it names tenants, applications and addresses.

import { z } from 'zod'
import { parseJson } from '../../../db/process/json.ts'
import type { ErrorCode } from '../../../workflows/errors.ts'
import type { HttpAnswer } from '../../http/client.ts'
import { retryAfterMs } from '../../http/retry-after.ts'
import { ProviderError } from '../provider.ts'

type Meaning = {
  readonly error: ErrorCode /** What happened, without the full stop: the status and the provider's own code follow it. */
  readonly fact: string
  /** What to do, where the advice of the code does not fit. */
  readonly advice?: string
}

const tenantUnknown: Meaning = {
  error: 'account_misconfigured',
  fact: 'Microsoft does not know the tenant',
  advice: 'Enter the directory (tenant) ID or its domain.',
}
const scopeRefused: Meaning = {
  error: 'account_misconfigured',
  fact: 'Microsoft refuses the scope',
  advice: 'Check MICROSOFT_GRAPH_ROOT and MICROSOFT_AUTHORITY_ROOT, which must be of one cloud.',
}
const transient: Meaning = { error: 'provider_unavailable', fact: "Microsoft's sign-in service has a fault" }

export const AADSTS_MEANINGS: Readonly<Record<number, Meaning>> = {
  7000215: {
    error: 'credentials_refused',
    fact: 'Microsoft refuses the client secret',
    advice: "Enter the secret's Value, not its ID.",
  },
  7000222: {
    error: 'credentials_expired',
    fact: 'The client secret has expired',
    advice: 'Make a new one for the application and enter it.',
  },
  700016: {
    error: 'account_misconfigured',
    fact: 'The application is not in this tenant',
    advice: 'Check client ID and tenant ID, and that an administrator has consented.',
  },
  90002: tenantUnknown,
  900023: tenantUnknown,
  1002012: scopeRefused,
  70011: scopeRefused,
  7000112: {
    error: 'account_misconfigured',
    fact: 'The application is disabled',
    advice: 'Enable it in the tenant.',
  },
  7000229: {
    error: 'account_misconfigured',
    fact: 'The application has no service principal in this tenant',
    advice: 'Let an administrator consent to it.',
  },
  500011: {
    error: 'account_misconfigured',
    fact: 'Microsoft Graph is not known in this tenant',
    advice: 'Check the tenant ID and MICROSOFT_GRAPH_ROOT.',
  },
  53003: {
    error: 'account_misconfigured',
    fact: 'A Conditional Access policy of the tenant blocks the application',
    advice: 'Let an administrator exempt it.',
  },
  50196: { error: 'rate_limited', fact: 'Microsoft asks for a pause after too many sign-ins' },
  90033: transient,
  90012: transient,
}

const bodySchema = z.object({
  error: z.string().optional(),
  error_codes: z.array(z.coerce.number()).optional(),
  error_description: z.string().optional(),
  correlation_id: z.string().optional(),
})

/** A pause where Microsoft names none. */
const DEFAULT_PAUSE_MS = 60_000

/** The error for a refusal of the token endpoint (or of the discovery before it). */
export function signInError(answer: HttpAnswer, now: number): ProviderError {
  const body = bodySchema.safeParse(parseJson(answer.body)).data
  const inText = body?.error_description?.match(/AADSTS(\d+)/)?.[1]
  const numbers = [...(body?.error_codes ?? []), ...(inText === undefined ? [] : [Number(inText)])]
  const number = numbers.find((candidate) => Object.hasOwn(AADSTS_MEANINGS, candidate)) ?? numbers[0]
  const meaning =
    (number === undefined ? undefined : AADSTS_MEANINGS[number]) ?? byStatus(answer.status, body?.error)
  const quoted = number === undefined ? `HTTP ${answer.status}` : `AADSTS${number}`
  const isPause = meaning.error === 'rate_limited'
  return new ProviderError(meaning.error, `${meaning.fact} (${quoted}).`, {
    advice: meaning.advice,
    httpStatus: answer.status,
    retryAfterMs:
      retryAfterMs(answer.headers['retry-after'], now) ?? (isPause ? DEFAULT_PAUSE_MS : undefined),
    requestId: body?.correlation_id,
  })
}

function byStatus(status: number, error: string | undefined): Meaning {
  if (status === 429)
    return { error: 'rate_limited', fact: 'Microsoft asks for a pause before the next sign-in' }
  if (status >= 500 || status === 408 || error === 'temporarily_unavailable') return transient
  if (error === 'invalid_client') {
    return {
      error: 'credentials_refused',
      fact: 'Microsoft refuses the client ID or secret',
      advice: 'Enter them again.',
    }
  }
  if (error === 'invalid_tenant') return tenantUnknown
  // No OAuth error: something other than the sign-in service has answered, or it is in trouble.
  if (status === 401 && error === undefined) {
    return { error: 'token_refused', fact: "Microsoft's sign-in service gave no reason for its refusal" }
  }
  if (status >= 400) {
    return {
      error: 'account_misconfigured',
      fact: 'Microsoft refuses the sign-in',
      advice: 'Check tenant, application and secret.',
    }
  }
  return { error: 'unexpected_answer', fact: "Microsoft's sign-in service answered something unknown" }
}
