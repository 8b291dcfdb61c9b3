// The published vectors of the Fernet specification (generate, verify, invalid), and what they leave open.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { FernetError, fernetOpen, fernetSeal, isFernetKey, newFernetKey } from '../../../db/secrets/fernet.ts'

const seconds = z.string().transform((text) => Date.parse(text))
const vectors = z
  .object({
    generate: z.array(
      z.object({
        token: z.string(),
        now: seconds,
        iv: z.array(z.number()),
        src: z.string(),
        secret: z.string(),
      }),
    ),
    verify: z.array(
      z.object({ token: z.string(), now: seconds, ttl_sec: z.number(), src: z.string(), secret: z.string() }),
    ),
    invalid: z.array(
      z.object({
        desc: z.string(),
        token: z.string(),
        now: seconds,
        ttl_sec: z.number(),
        secret: z.string(),
      }),
    ),
  })
  .parse(JSON.parse(await readFile(new URL('fernet-vectors.json', import.meta.url), 'utf8')))

describe('Fernet', () => {
  for (const { secret, src, now, iv, token } of vectors.generate) {
    it('Fernet makes the token of the specification', () => {
      assert.equal(fernetSeal(secret, src, { now, iv: Uint8Array.from(iv) }), token)
    })
  }

  for (const { secret, src, now, ttl_sec, token } of vectors.verify) {
    it('Fernet opens the token of the specification', () => {
      assert.equal(fernetOpen(secret, token, { now, ttlSeconds: ttl_sec }), src)
    })
  }

  for (const { desc, secret, now, ttl_sec, token } of vectors.invalid) {
    it(`Fernet refuses a token with: ${desc}`, () => {
      assert.throws(() => fernetOpen(secret, token, { now, ttlSeconds: ttl_sec }), FernetError)
    })
  }

  it('Fernet opens what it seals, whatever the length and characters', () => {
    const key = newFernetKey()
    for (const text of [
      'x',
      'a'.repeat(15),
      'a'.repeat(16),
      'ключ — 鍵 🔑',
      JSON.stringify({ a: 'b'.repeat(5000) }),
    ]) {
      assert.equal(fernetOpen(key, fernetSeal(key, text)), text)
    }
  })

  it('Fernet seals the same text differently each time', () => {
    const key = newFernetKey()
    assert.notEqual(fernetSeal(key, 'same'), fernetSeal(key, 'same'))
  })

  it('Fernet uses the IV that it is given, also one that does not count from zero', () => {
    const key = newFernetKey()
    const iv = Uint8Array.from({ length: 16 }, (_, index) => 255 - index)
    const token = Buffer.from(fernetSeal(key, 'text', { iv }), 'base64url')
    assert.deepEqual(new Uint8Array(token.subarray(9, 25)), iv)
  })

  it('Fernet refuses a token in which any one byte was changed', () => {
    const key = newFernetKey()
    const token = Buffer.from(fernetSeal(key, 'payload'), 'base64url')
    for (const index of token.keys()) {
      const changed = Buffer.from(token)
      changed.writeUInt8((changed.readUInt8(index) + 1) % 256, index)
      assert.throws(() => fernetOpen(key, changed.toString('base64url')), FernetError)
    }
  })

  it('Fernet refuses another key, and names neither key nor token in its error', () => {
    const [key, other] = [newFernetKey(), newFernetKey()]
    const token = fernetSeal(key, 'secret text')
    assert.throws(
      () => fernetOpen(other, token),
      (error) =>
        error instanceof FernetError && !error.message.includes(token) && !error.message.includes(other),
    )
  })

  it('Fernet opens a token for years when no life was asked for', () => {
    const key = newFernetKey()
    const now = Date.now()
    assert.equal(
      fernetOpen(key, fernetSeal(key, 'old', { now: now - 10 * 365 * 86_400_000 }), { now }),
      'old',
    )
  })

  it('Fernet takes only 32 bytes of urlsafe base64 for a key', () => {
    assert.ok(isFernetKey(newFernetKey()))
    for (const text of [
      '',
      'short',
      `${'A'.repeat(43)}+`,
      `${newFernetKey()} `,
      'A'.repeat(44),
      newFernetKey().slice(0, 43),
    ]) {
      assert.equal(isFernetKey(text), false, text)
    }
  })
})
