// Which addresses out of a provider's answers are used: those of its own hosts, and those near the configured root.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { httpsAddress, isTrustedHost } from '../../../activities/providers/trusted-host.ts'

const SUFFIXES = ['.googleapis.com']

function isTrusted(address: string, root: string): boolean {
  const url = httpsAddress(address)
  return url !== null && isTrustedHost(url, new URL(root), SUFFIXES)
}

describe('the host of an upload', () => {
  const google = 'https://www.googleapis.com'
  const cases: readonly (readonly [address: string, root: string, isTrusted: boolean])[] = [
    ['https://www.googleapis.com/upload?upload_id=1', google, true],
    ['https://storage.googleapis.com/upload', google, true],
    ['http://www.googleapis.com/upload', google, false],
    ['https://googleapis.com.evil.example/', google, false],
    ['https://evilgoogleapis.com/', google, false],
    ['https://www.googleapis.com@evil.example/', google, false],
    ['https://user@www.googleapis.com/', google, false],
    ['https://127.0.0.1:4000/', google, false],
    ['https://127.0.0.1:4000/', 'https://127.0.0.1:3000', true],
    ['https://localhost:4000/', 'https://127.0.0.1:3000', true],
    ['https://evil.example/', 'https://127.0.0.1:3000', false],
    ['https://gateway.example.org/u', 'https://gateway.example.org/google', true],
    ['https://uploads.example.org/u', 'https://gateway.example.org/google', true],
    ['https://www.googleapis.com/u', 'https://gateway.example.org/google', true],
    ['https://evil.org/u', 'https://example.org', false],
    ['https://10.0.0.2/u', 'https://11.0.0.2', false],
    ['https://10.0.0.2/u', 'https://10.0.0.1', false],
    ['no address', google, false],
  ]
  for (const [address, root, isExpected] of cases) {
    it(`${address} is ${isExpected ? 'taken' : 'refused'} under ${root}`, () => {
      assert.equal(isTrusted(address, root), isExpected)
    })
  }
})
