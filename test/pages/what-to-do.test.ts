// Every page that shows an error says what to do about it, whatever the error.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accountCard, checkResult } from '../../api/pages/accounts/card.ts'
import { overviewPage } from '../../api/pages/overview/page.ts'
import { destinationCard, faultBox } from '../../api/pages/runs/destination-card.ts'
import { type Markup, markupText } from '../../api/ui/markup.ts'
import type { AccountCheckOutcome } from '../../db/schema.ts'
import type { AccountView } from '../../db/views/accounts.ts'
import { ERROR_CODES, ERROR_RULES } from '../../workflows/errors.ts'
import { statusError } from '../../workflows/failures.ts'
import { pendingDestination } from '../support/rows.ts'

/** With the parts, and as an earlier version wrote it. */
const written = (code: string) => {
  const known = ERROR_CODES.find((one) => one === code)
  const earlier = { code, message: 'This happened.', retryable: false }
  return known === undefined ? [earlier] : [statusError(known, 'This happened.'), earlier]
}

const CODES = [...ERROR_CODES, 'of_a_later_version']

/** What stands behind "What to do:". */
function shownAdvice(markup: Markup): string {
  const text = plain(markupText(markup))
  assert.equal(text.split('This happened.').length, 2, text)
  return /What to do:<\/strong> ([^<]*)/.exec(text)?.[1]?.trim() ?? ''
}

const plain = (text: string) => text.replaceAll('&#39;', "'").replaceAll('&quot;', '"')

const NOW = '2026-11-23T02:00:00.000Z'

const checked = (outcome: AccountCheckOutcome): AccountView => ({
  id: 'a1',
  name: 'Drive EU',
  provider: 'google_drive',
  settings: { folder_id: 'f1' },
  has_credentials: true,
  credentials_hint: null,
  needs_credentials: false,
  created_at: NOW,
  updated_at: NOW,
  check: { checked_at: NOW, outcome },
  paused_until: null,
  paused_reason: null,
  binding_count: 1,
})

const adviceFor = (code: string) => ERROR_RULES[ERROR_CODES.find((one) => one === code) ?? 'internal_error']

describe('what to do', () => {
  it('is said once of every error of a run and of a destination', () => {
    for (const code of CODES) {
      for (const error of written(code)) {
        const state = pendingDestination({ status: 'failed', error })
        const card = { accountId: 'a1', state, live: null, sentBytes: 0, deletedAt: null }
        assert.equal(shownAdvice(destinationCard(card)), adviceFor(code).advice, code)
        assert.equal(shownAdvice(faultBox(error, 'danger')), adviceFor(code).advice, code)
      }
    }
  })

  it('is said of every error of an account, and is to ask again where only an upload would go on by itself', () => {
    for (const code of CODES) {
      const { advice, heals } = adviceFor(code)
      const wanted = heals === true ? 'Try again in a moment.' : advice
      for (const error of written(code)) {
        const outcome = { ok: false, detail: error.message, space: null, error }
        assert.equal(shownAdvice(checkResult(outcome)), wanted, code)
        const card = { lastUpload: null, mayCheck: true, mayWrite: true, isOwnPage: false }
        assert.equal(shownAdvice(accountCard({ ...card, account: checked(outcome) })), wanted, code)
      }
    }
  })

  it('is what the error itself says rather than to ask again', () => {
    const error = statusError('unexpected_answer', 'This happened.', 'Look for a proxy.')
    const outcome = { ok: false, detail: error.message, space: null, error }
    assert.equal(shownAdvice(checkResult(outcome)), 'Look for a proxy.')
  })

  it('has its column in the overview, which is never empty', () => {
    const row = { account: 'Drive', count: 2, newest_run_id: 'r1', newest_at: NOW }
    for (const code of CODES) {
      for (const error of written(code)) {
        const view = { instances: [], openRuns: [], openCount: 0, days: [], uploaded: [], mayWrite: false }
        const failures = [{ ...row, code, error }]
        const text = plain(markupText(overviewPage({ ...view, failures, standsStill: false })))
        assert.ok(text.includes(`<td role="cell">${adviceFor(code).advice}</td>`), `${code}: ${text}`)
      }
    }
  })
})
