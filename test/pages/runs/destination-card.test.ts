// What a destination's card shows of files that retention deleted.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { destinationCard } from '../../../api/pages/runs/destination-card.ts'
import { markupText } from '../../../api/ui/markup.ts'
import { pendingDestination } from '../../support/rows.ts'

const cardOf = (deleted: readonly string[], deleted_count?: number) =>
  markupText(
    destinationCard({
      accountId: 'a1',
      state: pendingDestination({
        retention: { keep_last: 30, deleted, deleted_count, kept: 30, skipped: null, error: null },
      }),
      live: null,
      sentBytes: 0,
      deletedAt: null,
    }),
  )

describe('the card of a destination', () => {
  it('the card of a destination names the deleted files that it knows, and says how many more there are', () => {
    const card = cardOf(['old-1.zip', 'old-2.zip'], 20_000)
    assert.match(card, /deleted 20,000 files, kept 30/)
    assert.match(card, /<li><code>old-2\.zip<\/code><\/li>/)
    assert.match(card, /<li>and 19,998 more, in the audit<\/li>/)
  })

  it('the card of a destination mentions no more files when all are named', () => {
    const card = cardOf(['old-1.zip'])
    assert.match(card, /deleted 1 file, kept 30/)
    assert.doesNotMatch(card, / more/)
  })
})
