// Searching for what must stay secret (docs/design.md, rule 5): the planted secrets themselves, and the forms that tokens and
// pre-authenticated addresses have. Whatever is planted in a test process is searched for in everything that its tests
// leave behind (secret-search.ts).

import assert from 'node:assert/strict'
import type { CloudDouble } from '../../clouds/cloud-double.ts'

/** Parts of credentials, tokens as the emulators issue them, sealed values, and addresses that open a session. */
const TELLTALES = [
  /PRIVATE KEY/,
  /upload_id/,
  /tempauth/,
  /Bearer\s[\w-]{12,}/i,
  /eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\bsl\.[A-Za-z0-9_-]{8,}/,
  /\bya29\./,
  /\bgAAAA[A-Za-z0-9_-]{20,}/,
]

/** A shorter one stands in any text by chance. */
const SHORTEST = 8

const SECRET_FIELDS = ['private_key', 'refresh_token', 'app_secret', 'access_token', 'client_secret'] as const

const planted = new Set<string>()

/** From now on these are searched for. */
export function plant(secrets: readonly string[]): void {
  for (const secret of secrets) if (secret.length >= SHORTEST) planted.add(secret)
}

export function plantedSecrets(): readonly string[] {
  return [...planted]
}

/** The values of some credentials that must stay secret; names, addresses and IDs of an account are none. */
export function secretsIn(credentials: Readonly<Record<string, unknown>>): readonly string[] {
  const text = credentials.credentials_json
  const parts: Readonly<Record<string, unknown>> = typeof text === 'string' ? fieldsIn(text) : credentials
  return SECRET_FIELDS.flatMap((name) => {
    const value = parts[name]
    // A key in JSON stands with escaped line ends: one of its lines is enough to find it.
    return typeof value === 'string' ? [value.split('\n')[1] ?? value] : []
  })
}

export function secretsOf(clouds: readonly CloudDouble[]): readonly string[] {
  return clouds.flatMap(({ credentials }) => secretsIn(credentials))
}

/** Fails when the text holds one of the secrets, or anything that looks like one. */
export function assertNoSecret(where: string, text: string, secrets: readonly string[]): void {
  for (const secret of secrets) assert.ok(!text.includes(secret), `${where} holds a planted secret`)
  for (const telltale of TELLTALES) {
    const hit = telltale.exec(text)
    if (hit === null) continue
    assert.fail(`${where} holds ${telltale}: …${text.slice(Math.max(0, hit.index - 40), hit.index + 20)}…`)
  }
}

/** The fields of an object in JSON; none where the text is something else. */
export function fieldsIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
