// What went wrong below HTTP, in the codes of workflows/errors.ts. Messages name the host and the system's own
// error code, never a path or query.

import { errnoOf } from '../../db/machine/errno.ts'
import type { ErrorCode } from '../../workflows/errors.ts'
import { ProviderError } from '../providers/provider.ts'

const CERTIFICATE_CODES = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Turns whatever broke a request into a ProviderError; errors with a code of ours pass through as they are. */
export function failureOf(cause: unknown, host: string): unknown {
  if (cause instanceof ProviderError) return cause
  const code = errnoOf(cause)
  if (CERTIFICATE_CODES.has(code)) {
    return new ProviderError('certificate_invalid', `The certificate of ${host} is not trusted (${code}).`)
  }
  return isSystemCode(code)
    ? new ProviderError(networkCode(code), `The connection to ${host} failed (${code}).`)
    : cause
}

/** Node's network failures: E… of the system, HPE_… of the HTTP parser, ERR_… of TLS and streams. */
function isSystemCode(code: string): boolean {
  return /^(E(?!RR_)[A-Z_0-9]+|HPE_\w+|ERR_(TLS|SSL|STREAM|HTTP|SOCKET|PROXY)\w*)$/.test(code)
}

function networkCode(code: string): ErrorCode {
  return code === 'ETIMEDOUT' ? 'network_stalled' : 'network_unreachable'
}
