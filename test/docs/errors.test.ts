// docs/errors.md says what the program does: it equals the program's own tables, row by row.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { failureFrom } from '../../activities/providers/dropbox/answers.ts'
import { DROPBOX_ERRORS } from '../../activities/providers/dropbox/error-table.ts'
import { errorOf } from '../../activities/providers/dropbox/errors.ts'
import { DRIVE_REASONS, driveError } from '../../activities/providers/google-drive/errors.ts'
import { GRAPH_RULES, graphError } from '../../activities/providers/onedrive/errors.ts'
import { AADSTS_MEANINGS, signInError } from '../../activities/providers/onedrive/sign-in-errors.ts'
import { ERROR_CODES, ERROR_RULES } from '../../workflows/errors.ts'
import { errorsDocument } from './errors-table.ts'

const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')

describe('docs/errors.md', () => {
  it('is what the tables of the program give', () => {
    assert.equal(text, errorsDocument(), 'run: node test/docs/errors-table.ts > docs/errors.md')
  })

  for (const code of ERROR_CODES) {
    it(`says of ${code} whether it is retried and what to do`, () => {
      const { permanent, advice } = ERROR_RULES[code]
      assert.ok(text.includes(`| \`${code}\` | ${permanent ? 'no' : 'yes'} | ${advice} |`))
    })
  }

  it('holds for every reason of Dropbox', () => {
    for (const { status, reason, code } of DROPBOX_ERRORS) {
      if (reason === undefined) continue
      const failure = failureFrom(status, () => undefined, { error_summary: `${reason}/..` }, 0)
      assert.equal(errorOf(failure).code, code, `${status} ${reason}`)
    }
  })

  it('holds for every reason of Google Drive', () => {
    for (const [reason, [code]] of Object.entries(DRIVE_REASONS)) {
      assert.equal(driveError({ status: 403, body: { error: { errors: [{ reason }] } } }).code, code, reason)
    }
  })

  it('holds for every code of Graph', () => {
    for (const rule of GRAPH_RULES) {
      if (rule.code === undefined) continue
      const message = rule.text === undefined ? '' : 'on hold, mysite, SPO license'
      const body = Buffer.from(JSON.stringify({ error: { code: rule.code, message } }))
      const answer = { status: rule.status ?? 400, headers: {}, body }
      assert.equal(graphError(answer, rule.subject ?? 'file', 0).code, rule.error, rule.code)
    }
  })

  it('holds for every number of the sign-in', () => {
    for (const [number, { error }] of Object.entries(AADSTS_MEANINGS)) {
      const body = Buffer.from(JSON.stringify({ error: 'x', error_codes: [Number(number)] }))
      assert.equal(signInError({ status: 400, headers: {}, body }, 0).code, error, number)
    }
  })
})
