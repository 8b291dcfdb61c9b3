import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StepError } from '../../../activities/failures.ts'
import { failureOf } from '../../../activities/http/network-errors.ts'
import { ProviderError } from '../../../activities/providers/provider.ts'

const withCode = (code: string) => Object.assign(new Error('said with https://host/secret?token=x'), { code })
const codeOf = (code: string) => {
  const failure = failureOf(withCode(code), 'host.example')
  return failure instanceof ProviderError ? failure.code : 'left as it is'
}

describe('what broke a request', () => {
  it('is a matter of the network, of a stall or of a certificate', () => {
    for (const code of [
      'ECONNRESET',
      'ECONNREFUSED',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EPIPE',
      'EPROTO',
      'HPE_INVALID_CONSTANT',
    ])
      assert.equal(codeOf(code), 'network_unreachable', code)
    for (const code of ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_PROXY_TUNNEL'])
      assert.equal(codeOf(code), 'network_unreachable', code)
    assert.equal(codeOf('ETIMEDOUT'), 'network_stalled')
    for (const code of [
      'CERT_HAS_EXPIRED',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'INVALID_CA',
    ])
      assert.equal(codeOf(code), 'certificate_invalid', code)
  })

  it('is left as it is when it is a fault of the program or has a code of ours', () => {
    for (const code of ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_URL', 'ERR_ASSERTION', 'archive_changed'])
      assert.equal(codeOf(code), 'left as it is', code)
    for (const error of [
      new StepError('archive_changed', 'x'),
      new ProviderError('rate_limited', 'x'),
      new Error('x'),
      7,
    ])
      assert.equal(failureOf(error, 'host'), error)
  })

  it('names the host and the code, and nothing of the address (docs/design.md, rule 5)', () => {
    const failure = failureOf(withCode('ECONNRESET'), 'host.example')
    assert.ok(failure instanceof ProviderError)
    assert.equal(failure.message, 'The connection to host.example failed (ECONNRESET).')
    assert.equal(failure.cause, undefined)
  })
})
