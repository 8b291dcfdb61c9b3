// What is wrong with a request, in words for people: never zod's own, and never a value.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { fieldErrors } from '../../../api/http/validation.ts'
import { accountShapes } from '../../../db/accounts/account-shapes.ts'

function messages(schema: z.ZodType, value: unknown): readonly string[] {
  const parsed = schema.safeParse(value)
  assert.ok(!parsed.success)
  return fieldErrors(parsed.error).map(({ path, message }) => `${path}: ${message}`)
}

const OAUTH = ': is an OAuth client file. Create a key of a service account instead.'
const KEY = {
  type: 'service_account',
  client_email: 'backup@example.iam.gserviceaccount.com',
  private_key: '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n',
}

describe('the words for what is wrong with a field', () => {
  const cases: readonly (readonly [z.ZodType, unknown, string])[] = [
    [z.string(), undefined, 'is required'],
    [z.string(), 5, 'must be a string'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.boolean(), 'x', 'must be true or false'],
    [z.array(z.string()), {}, 'must be an array'],
    [z.object({}), [], 'must be an object'],
    [z.literal('a'), 'b', 'must be "a"'],
    [z.enum(['a', 'b']), 'c', 'must be one of a, b'],
    [z.string().min(1), '', 'must not be empty'],
    [z.string().min(2), '', 'must have at least 2 characters'],
    [z.string().max(200), 'x'.repeat(201), 'must have at most 200 characters'],
    [z.array(z.string()).min(1), [], 'must have at least 1 item'],
    [z.string().length(3), 'x', 'must have exactly 3 characters'],
    [z.number().max(100), 101, 'must be at most 100'],
    [z.number().gt(0), 0, 'must be more than 0'],
    [z.string().regex(/^a$/), 'b', 'has characters or a form that is not taken here'],
    [z.email(), 'x', 'must be a valid email address'],
    [z.iso.datetime(), 'x', 'must be a valid ISO datetime'],
    [z.string().startsWith('/'), 'x', 'must start with "/"'],
    [z.union([z.string(), z.number()]), true, 'has none of the forms that are taken here; see /api/docs'],
    [z.string().max(3, 'must be short'), 'long', 'must be short'],
  ]
  for (const [schema, value, expected] of cases) {
    it(`${expected}`, () => assert.deepEqual(messages(schema, value), [`: ${expected}`]))
  }

  it('each unknown field is named by its own path', () => {
    const schema = z.object({ inner: z.strictObject({ a: z.string() }) })
    const value = { inner: { a: 'x', b: 1, c: 2 } }
    assert.deepEqual(messages(schema, value), ['inner.b: is not known', 'inner.c: is not known'])
  })

  it('the allowed kinds of a discriminated union are named', () => {
    const schema = z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a') }),
      z.object({ kind: z.literal('b') }),
    ])
    assert.deepEqual(messages(schema, { kind: 'c' }), ['kind: must be one of a, b'])
  })
})

describe('a key file that is none', () => {
  const { credentials } = accountShapes.google_drive
  const faults = (file: unknown) =>
    messages(credentials, { credentials_json: typeof file === 'string' ? file : JSON.stringify(file) }).map(
      (message) => message.replace('credentials_json', ''),
    )

  it('the file of an OAuth client is not mistaken for a key file', () => {
    const client = { client_id: 'x', client_secret: 'planted' }
    for (const file of [{ installed: client }, { web: client }, { type: 'authorized_user', ...client }]) {
      assert.deepEqual(faults(file), [OAUTH])
    }
  })

  it('what is missing or wrong in a key file is named without quoting it', () => {
    const { private_key: _, ...rest } = KEY
    assert.deepEqual(faults(rest), ['.private_key: is required'])
    assert.deepEqual(faults({ ...KEY, private_key: 'planted' }), [
      '.private_key: must be a private key in PEM form',
    ])
    assert.deepEqual(faults({ ...KEY, type: 'external_account' }), [
      '.type: must be "service_account": paste the key file of a service account',
    ])
    assert.deepEqual(faults('{planted'), [': is not JSON: paste the whole key file of the service account'])
    for (const file of [[KEY], '5', 'null', '"planted"']) {
      assert.deepEqual(faults(file), [
        ': is JSON, but no key file: paste the whole key file of the service account',
      ])
    }
  })
})
