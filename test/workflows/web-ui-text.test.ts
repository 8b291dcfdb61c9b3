// Names may be long, and the texts that Temporal's Web UI shows may not.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { uploadOptions } from '../../workflows/activity-options.ts'
import { detailsText, summaryText } from '../../workflows/web-ui-text.ts'

const bytes = (text: string | undefined) => Buffer.byteLength(text ?? '')

describe('a text for the Web UI of Temporal', () => {
  it('a text for the Web UI is cut to what servers take, at the end of a whole character', () => {
    assert.equal(summaryText('x'.repeat(301)), 'x'.repeat(300))
    assert.equal(summaryText(`x${'→'.repeat(200)}`), `x${'→'.repeat(99)}`)
    assert.equal(summaryText('😀'.repeat(76)), '😀'.repeat(75))
    assert.equal(bytes(detailsText('ä'.repeat(20_000))), 15_000)
  })

  it('a text for the Web UI is as long as Node counts it, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const cut = summaryText(text)
        assert.ok(text.startsWith(cut) && bytes(cut) <= 300)
        const [next = ''] = text.slice(cut.length)
        if (cut !== text) assert.ok(bytes(cut) + bytes(next) > 296)
      }),
    )
  })

  it('the summary of an upload to an account with a long name is cut', () => {
    const summary = uploadOptions('cloud-uploads', `acme → ${'é'.repeat(300)}`).summary
    assert.ok(bytes(summary) <= 300 && summary?.startsWith('acme → éé'))
  })
})
