import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  RetryState,
  TimeoutFailure,
  type TimeoutType,
} from '@temporalio/common'
import { causeOf, StepError, toFailure } from '../../activities/failures.ts'
import { ERROR_CODES, ERROR_RULES } from '../../workflows/errors.ts'
import { permanentFailure, statusError, statusErrorOf } from '../../workflows/failures.ts'

const inActivity = (cause: Error) =>
  new ActivityFailure(undefined, 'uploadArchive', '1', RetryState.NON_RETRYABLE_FAILURE, undefined, cause)
const inChild = (cause: Error) =>
  new ChildWorkflowFailure(
    undefined,
    { workflowId: 'w', runId: 'r' },
    'bindingSyncWorkflow',
    RetryState.NON_RETRYABLE_FAILURE,
    cause,
  )
const timeout = (type: TimeoutType, cause?: Error) =>
  Object.assign(new TimeoutFailure('activity timed out', undefined, type), cause ? { cause } : {})

describe('an error in the form of the status', () => {
  it('a status error says what happened and then what to do', () => {
    const { advice } = ERROR_RULES.archive_missing
    assert.deepEqual(statusError('archive_missing', 'There is no file "x.dump".'), {
      code: 'archive_missing',
      message: `There is no file "x.dump". ${advice}`,
      retryable: false,
      fact: 'There is no file "x.dump".',
      advice,
    })
  })

  it('a status error has an advice of its own where that of the code does not fit', () => {
    const { fact, advice, message } = statusError('worker_lost', 'It is gone', 'Look for it.')
    assert.deepEqual([fact, advice, message], ['It is gone.', 'Look for it.', 'It is gone. Look for it.'])
  })

  it('the status error of a failed activity keeps its code, and says what to do once', () => {
    for (const code of ERROR_CODES) {
      const failure = toFailure(causeOf(new StepError(code, 'This went wrong. So it goes.')))
      for (const wrapped of [failure, inActivity(failure), inChild(failure)])
        assert.deepEqual(statusErrorOf(wrapped), statusError(code, 'This went wrong. So it goes.'))
    }
  })

  it('the status error of a failed activity keeps the advice that is its own', () => {
    const own = new StepError('database_missing', 'There is none.', { advice: 'Name one.' })
    const error = statusError('database_missing', 'There is none.', 'Name one.')
    assert.deepEqual(statusErrorOf(inActivity(toFailure(causeOf(own)))), error)
    assert.deepEqual(
      statusErrorOf(permanentFailure('database_missing', 'There is none.', 'Name one.')),
      error,
    )
  })

  it('the status error of an activity of an earlier version, which has but a message, says what to do as well', () => {
    const { advice } = ERROR_RULES.storage_quota_exceeded
    const earlier = (message: string) => {
      const {
        fact,
        message: shown,
        ...error
      } = statusErrorOf(
        inActivity(
          ApplicationFailure.create({
            ...{
              type: 'storage_quota_exceeded',
              message,
              nonRetryable: true,
              details: [{ http_status: 507 }],
            },
          }),
        ),
      )
      assert.equal(error.advice, advice)
      return [fact, shown]
    }
    const joined = `The drive is full. ${advice}`
    assert.deepEqual(earlier(joined), ['The drive is full.', joined])
    const own = 'The Dropbox is full: free space there.'
    assert.deepEqual(earlier(own), [own, `${own} ${advice}`])
  })

  it('the status error of a foreign failure is internal_error', () => {
    const foreign = ApplicationFailure.create({ type: 'TypeError', message: 'x is not a function' })
    assert.equal(statusErrorOf(inActivity(foreign)).code, 'internal_error')
    assert.equal(statusErrorOf(new Error('boom')).code, 'internal_error')
    assert.equal(statusErrorOf('boom').code, 'internal_error')
    assert.equal(statusErrorOf(undefined).code, 'internal_error')
  })

  it('the status error of an unserved queue says what a worker was waited for, and names the worker to start', () => {
    const late = (activity: string) =>
      statusErrorOf(
        new ActivityFailure(
          undefined,
          activity,
          '1',
          RetryState.TIMEOUT,
          undefined,
          timeout('SCHEDULE_TO_START'),
        ),
      )
    const advice = ERROR_RULES.no_worker_for_queue.advice
    assert.deepEqual(late('pinArchive'), {
      code: 'no_worker_for_queue',
      message: `No worker came in time that could look for the archive and keep it. ${advice}`,
      retryable: false,
      fact: 'No worker came in time that could look for the archive and keep it.',
      advice,
    })
    assert.match(late('uploadArchive').message, /^No worker came in time that could upload the archive\. /)
    assert.match(
      late('checkAccount').message,
      /^No worker came in time from the task queue for checkAccount\. /,
    )
  })

  it('the status error of a silent worker is worker_lost, or what failed last where the time ran out over retries', () => {
    assert.equal(statusErrorOf(inActivity(timeout('HEARTBEAT'))).code, 'worker_lost')
    const last = toFailure(causeOf(new StepError('provider_unavailable', 'Drive answers 503')))
    assert.equal(statusErrorOf(inActivity(timeout('SCHEDULE_TO_CLOSE', last))).code, 'provider_unavailable')
  })

  it('the status error of a cancellation is cancelled', () => {
    assert.equal(statusErrorOf(inActivity(new CancelledFailure('no'))).code, 'cancelled')
    assert.equal(statusErrorOf(new CancelledFailure('no')).code, 'cancelled')
  })
})

describe('a permanent failure', () => {
  it('a permanent failure has the code as its type and is not retried', () => {
    const failure = permanentFailure('invalid_input', 'instance must be a slug')
    assert.deepEqual([failure.type, failure.nonRetryable], ['invalid_input', true])
  })
})
