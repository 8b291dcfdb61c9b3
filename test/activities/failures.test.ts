import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CancelledFailure } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import { causeOf, StepError, statusErrorFrom, toFailure, withFailures } from '../../activities/failures.ts'
import { ProviderError } from '../../activities/providers/provider.ts'
import { DbConflict } from '../../db/conflict.ts'
import { createLogger } from '../../db/process/log.ts'
import { VaultError } from '../../db/secrets/vault.ts'
import { ClaimLost } from '../../db/uploads/claims.ts'
import { ERROR_CODES, ERROR_RULES, isRetryable } from '../../workflows/errors.ts'
import { joinedMessage } from '../../workflows/explanation.ts'

function listeningLog() {
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info' }, { write: (line) => void lines.push(line) })
  return { log, lines }
}

describe('the failure of an activity', () => {
  it('has the code as its type, and is retried only where that can heal (docs/design.md, rule 8)', () => {
    for (const code of ERROR_CODES) {
      const failure = toFailure(causeOf(new StepError(code, 'x')))
      assert.deepEqual([failure.type, failure.nonRetryable], [code, !isRetryable(code)])
      assert.equal(toFailure(causeOf(new StepError(code, 'x')), true).nonRetryable, true)
    }
  })

  it('goes on with a code that is permanent by itself where the caller knows better', () => {
    assert.equal(toFailure(causeOf(new StepError('credentials_refused', 'x')), false).nonRetryable, false)
  })

  it('says each sentence once', () => {
    for (const code of ERROR_CODES) {
      const error = code === 'claim_lost' ? new ClaimLost() : new StepError(code, 'x')
      const sentences = joinedMessage(causeOf(error)).split(/(?<=[.!?]) /)
      assert.equal(new Set(sentences).size, sentences.length, sentences.join(' '))
    }
  })

  it('waits for a day at most', () => {
    const asked = new ProviderError('provider_unavailable', 'x', { retryAfterMs: 99_999_999_000 })
    assert.equal(toFailure(causeOf(asked)).nextRetryDelay, 86_400_000)
  })

  it('waits for as long as the provider asked', () => {
    const asked = toFailure(causeOf(new ProviderError('rate_limited', 'slow down', { retryAfterMs: 90_000 })))
    assert.equal(asked.nextRetryDelay, 90_000)
    assert.equal(
      toFailure(causeOf(new ProviderError('rate_limited', 'slow down'))).nextRetryDelay ?? null,
      null,
    )
  })

  it('tells the HTTP status and the request ID, and nothing else of the answer', () => {
    const error = new ProviderError('provider_unavailable', 'x', { httpStatus: 503, requestId: 'r-1' })
    const { advice } = ERROR_RULES.provider_unavailable
    assert.deepEqual(toFailure(causeOf(error)).details, [
      { http_status: 503, request_id: 'r-1', fact: 'x.', advice },
    ])
  })

  it('carries fact and advice apart, and both in its message', () => {
    const advice = 'Do it yourself.'
    for (const error of [
      new StepError('archive_missing', 'It is away.', { advice }),
      new ProviderError('folder_missing', 'It is away.', { advice }),
    ]) {
      const failure = toFailure(causeOf(error))
      assert.deepEqual(failure.details, [{ fact: 'It is away.', advice }])
      assert.equal(failure.message, 'It is away. Do it yourself.')
    }
  })

  it('is no fault worth a metric while it only waits for others', () => {
    const category = (code: 'account_busy' | 'rate_limited' | 'provider_unavailable') =>
      toFailure(causeOf(new StepError(code, 'x'))).category
    assert.equal(category('account_busy'), ApplicationFailureCategory.BENIGN)
    assert.equal(category('rate_limited'), ApplicationFailureCategory.BENIGN)
    assert.notEqual(category('provider_unavailable'), ApplicationFailureCategory.BENIGN)
  })

  it('holds no secret and no cause (docs/design.md, rule 5)', () => {
    const secret = 'ya29.a0AfH6SMBverysecretvalue'
    const error = new Error(`GET https://user:geheim@host/?access_token=${secret} failed`, {
      cause: new Error(secret),
    })
    const failure = toFailure(causeOf(error))
    assert.equal(failure.cause, undefined)
    const shown = JSON.stringify([failure.message, failure.details, statusErrorFrom(causeOf(error))])
    assert.ok(!shown.includes(secret) && !shown.includes('geheim'), shown)
  })

  it('reads the errors of the database and the vault as codes', () => {
    const codes = [
      new ClaimLost(),
      new VaultError('no_key_opens', 'no key opens this'),
      new DbConflict('run_id_conflict', 'run_id', 'x'),
      new DbConflict('not_found', 'account_id', 'x'),
      new DbConflict('not_found', 'instance', 'x'),
      new DbConflict('not_found', 'run_id', 'x'),
      new TypeError('x'),
      'text',
      undefined,
    ].map((error) => causeOf(error).code)
    assert.deepEqual(codes, [
      'claim_lost',
      'credentials_unreadable',
      'run_id_conflict',
      'unknown_account',
      'unknown_instance',
      'run_unknown',
      'internal_error',
      'internal_error',
      'internal_error',
    ])
  })
})

describe('an activity', () => {
  const failing = (error: unknown, log = listeningLog().log) =>
    withFailures(log, () => Promise.reject(error))(undefined)

  it('passes its result on', async () => {
    assert.equal(await withFailures(listeningLog().log, async (input: number) => input + 1)(1), 2)
  })

  it('fails with ApplicationFailures alone', async () => {
    await assert.rejects(failing(new StepError('archive_missing', 'x')), {
      name: 'ApplicationFailure',
      type: 'archive_missing',
    })
    await assert.rejects(failing('text'), { name: 'ApplicationFailure', type: 'internal_error' })
  })

  it('lets a cancellation and a failure that is made already through', async () => {
    for (const error of [new CancelledFailure('x'), ApplicationFailure.create({ type: 'x' })])
      await assert.rejects(failing(error), (thrown) => thrown === error)
  })

  it('writes a line with the stack for what nobody foresaw, and none for the rest', async () => {
    const { log, lines } = listeningLog()
    await assert.rejects(failing(new StepError('archive_missing', 'x'), log))
    assert.deepEqual(lines, [])
    await assert.rejects(failing(new TypeError('x is no function'), log))
    assert.match(lines.join(''), /x is no function.*failures\.test/)
  })
})
