import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLogger } from '../../../db/process/log.ts'
import { redact } from '../../../db/process/redaction.ts'
import { fernetSeal, newFernetKey } from '../../../db/secrets/fernet.ts'

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJub2JvZHkifQ.c2lnbmF0dXJl'
const pem = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ==\n-----END PRIVATE KEY-----\n'

/** Each text with the part of it that must not survive. */
const secrets: readonly (readonly [text: string, secret: string])[] = [
  ['Authorization: Bearer abc.DEF-123_xyz', 'abc.DEF-123_xyz'],
  ['refused sl.u.AFx0aBcDeFgHiJkLmNoP by Dropbox', 'AFx0aBcDeFgHiJkLmNoP'],
  [`token ${jwt} has no role`, 'c2lnbmF0dXJl'],
  [pem, 'kqhkiG9w0BAQ'],
  [pem.slice(0, 50), 'MIIEvQIBADANBg'],
  [JSON.stringify({ private_key: pem }), 'kqhkiG9w0BAQ'],
  [JSON.stringify({ body: JSON.stringify({ private_key: pem, n: 1 }) }), 'kqhkiG9w0BAQ'],
  ['PUT https://www.googleapis.com/upload?upload_id=ABPtcPo123&x=1', 'ABPtcPo123'],
  ['GET https://x.sharepoint.com/u?tempauth=v1.eyJabc&n=1', 'v1.eyJabc'],
  ['url=https%3A%2F%2Fx%3Ftempauth%3Dv1abc', 'v1abc'],
  ['grant_type=refresh_token&refresh_token=rt-1234&x=y', 'rt-1234'],
  ['client_secret=a~b.c&scope=x', 'a~b.c'],
  ['assertion=xyz.123', 'xyz.123'],
  ['{"access_token":"opaque-value","expires_in":3600}', 'opaque-value'],
  [JSON.stringify(JSON.stringify({ client_secret: 'deep~secret' })), 'deep~secret'],
  ['password: hunter22', 'hunter22'],
  ['connect postgresql://cloud:hunter23@db:5432/x', 'hunter23'],
  ['ya29.a0AfB_byC12345678', 'byC12345678'],
  [`sealed as ${fernetSeal(newFernetKey(), 'text', { now: 1_700_000_000_000 })}`, 'gAAAA'],
]

describe('redaction', () => {
  for (const [text, secret] of secrets) {
    it(`redaction hides what is secret in: ${text.slice(0, 40).replaceAll('\n', ' ')}`, () => {
      const clean = redact(text)
      assert.ok(!clean.includes(secret), clean)
      assert.match(clean, /\[redacted\]/)
      assert.equal(redact(clean), clean)
    })
  }

  it('redaction leaves ordinary text as it is', () => {
    for (const text of [
      'a basic understanding of bearer certificates',
      'no access_token in the answer',
      '{"password":null,"access_token":true,"size":12}',
      'https://www.googleapis.com/drive/v3/files?fields=id%2Cname',
      'acme_2026-11-23.dump sha256 0f3a',
    ]) {
      assert.equal(redact(text), text)
    }
  })

  it('redaction keeps a line of JSON JSON', () => {
    for (const [text] of secrets) {
      const line = JSON.stringify({ msg: text, nested: { text: JSON.stringify({ text }) }, after: 'kept' })
      assert.equal(JSON.parse(redact(line)).after, 'kept', text)
    }
  })
})

describe('the log', () => {
  function logged(write: (log: ReturnType<typeof createLogger>) => void): { line: string; fields: unknown } {
    const lines: string[] = []
    write(createLogger({ logLevel: 'info' }, { write: (line) => lines.push(line) }))
    const line = lines.join('')
    return { line, fields: JSON.parse(line) }
  }

  it('a log line is one JSON object with a level in words and a time in UTC', () => {
    const { line } = logged((log) => log.info({ run_id: 'r1' }, 'sync started'))
    assert.match(
      line,
      /^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","pid":\d+,"run_id":"r1","msg":"sync started"\}\n$/,
    )
  })

  it('the log hides secrets in messages, fields, child bindings, errors and their causes', () => {
    const { line } = logged((log) => {
      const cause = new Error('GET https://host/?tempauth=cause-secret')
      const err = Object.assign(new Error(`failed with Bearer message-secret-1`, { cause }), {
        code: 'ECONNRESET',
        config: { headers: { authorization: 'Basic c2VjcmV0LWhlYWRlcg==' } },
      })
      log
        .child({ url: 'https://h/?upload_id=child-secret' })
        .error({ err, access_token: 'field-secret' }, 'sl.message-secret-2345')
    })
    assert.doesNotMatch(line, /secret-|c2VjcmV0/)
    assert.doesNotMatch(line, /-secret/)
    assert.match(line, /ECONNRESET/)
  })

  it('the log writes nothing below its level', () => {
    const lines: string[] = []
    createLogger({ logLevel: 'warn' }, { write: (line) => lines.push(line) }).info('quiet')
    assert.deepEqual(lines, [])
  })
})
