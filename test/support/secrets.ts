// Searching for what must stay secret (design.md, rule 5): the planted credentials themselves, and the forms that tokens and
// pre-authenticated addresses have.

import assert from 'node:assert/strict'
import type { CloudDouble } from '../clouds/cloud-double.ts'

/** Parts of credentials, tokens as the emulators issue them, sealed values, and addresses that open a session. */
const TELLTALES = [
  /PRIVATE KEY/,
  /upload_id/,
  /tempauth/,
  /Bearer\s[\w-]{12,}/i,
  /eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\bsl\.[A-Za-z0-9_-]{8,}/,
  /\bya29\./,
  /gAAAA[A-Za-z0-9_-]{20,}/,
]

/** The values that must stay secret; names, addresses and IDs of an account are none. */
export function secretsOf(clouds: readonly CloudDouble[]): readonly string[] {
  return clouds.flatMap(({ credentials }) => {
    const text = credentials.credentials_json
    const parts: Record<string, unknown> = typeof text === 'string' ? JSON.parse(text) : credentials
    return ['private_key', 'refresh_token', 'app_secret', 'access_token', 'client_secret'].flatMap((name) => {
      const value = parts[name]
      // A key in JSON stands with escaped line ends: one of its lines is enough to find it.
      return typeof value === 'string' ? [value.split('\n')[1] ?? value] : []
    })
  })
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
