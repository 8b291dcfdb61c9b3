// The emulated Google Drive is honest: it refuses what the real one refuses (docs/providers.md, 1.8), so that
// a client that passes here does not pass by luck. Token endpoint and JSON calls.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type GoogleDouble, startGoogleEmulator } from './google/index.ts'
import {
  ask,
  askToken,
  assertion,
  authority,
  bearer,
  FLAGS,
  openSession,
  reasonOf,
  UPLOAD,
} from './google-wire.ts'

describe('the emulated token endpoint', () => {
  let google: GoogleDouble
  before(async () => {
    google = await startGoogleEmulator(authority)
  })
  after(() => google.close())

  const iat = Math.floor(Date.now() / 1000)
  const refusals: readonly (readonly [
    what: string,
    claims: Record<string, unknown>,
    status: number,
    words: RegExp,
  ])[] = [
    ['another issuer', { iss: 'x@y.z' }, 400, /account not found/],
    ['another audience', { aud: 'https://example.com' }, 400, /audience/],
    ['a life of more than an hour', { exp: iat + 3700 }, 400, /short-lived token/],
    ['a time in the future', { iat: iat + 900, exp: iat + 4500 }, 400, /short-lived token/],
    ['a time in the past', { iat: iat - 9000, exp: iat - 5400 }, 400, /short-lived token/],
    ['a foreign scope', { scope: 'https://www.googleapis.com/auth/gmail.send' }, 400, /scope/],
    ['no scope', { scope: undefined }, 400, /Invalid JWT/],
    ['an unknown subject', { sub: 'x@y.z' }, 400, /Invalid email or User ID/],
  ]
  for (const [what, claims, status, words] of refusals) {
    it(`refuses an assertion with ${what}`, async () => {
      const answer = await askToken(google, assertion(google, claims))
      assert.equal(answer.status, status)
      assert.match(answer.json.error_description, words)
    })
  }

  it('refuses another signature, and what is no assertion', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const foreign = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    assert.match((await askToken(google, assertion(google, {}, foreign))).json.error_description, /Signature/)
    assert.equal((await askToken(google, 'a.b.c')).status, 400)
    assert.equal(
      (await ask(google, 'POST', '/token', { body: 'grant_type=password' })).json.error,
      'unsupported_grant_type',
    )
  })

  it('answers under the real host names with a certificate for them', async () => {
    const { json } = await askToken(google, assertion(google), 'oauth2.googleapis.com')
    assert.equal(json.token_type, 'Bearer')
    const headers = { Authorization: `Bearer ${json.access_token}` }
    const about = await ask(google, 'GET', '/drive/v3/about?fields=user', {
      headers,
      host: 'www.googleapis.com',
    })
    assert.equal(about.json.user?.emailAddress, google.serviceAccount)
  })
})

describe('the emulated Drive', () => {
  let google: GoogleDouble
  let headers: Record<string, string>
  before(async () => {
    google = await startGoogleEmulator(authority)
    headers = await bearer(google)
  })
  after(() => google.close())
  const get = (path: string) => ask(google, 'GET', path, { headers })

  it('wants a token', async () => {
    assert.equal((await ask(google, 'GET', '/drive/v3/about?fields=*')).status, 401)
    const bad = await ask(google, 'GET', '/drive/v3/about?fields=*', {
      headers: { Authorization: 'Bearer ya29.no' },
    })
    assert.deepEqual([bad.status, reasonOf(bad)], [401, 'authError'])
  })

  it('wants `fields` for about, and gives only what was asked for', async () => {
    assert.equal((await get('/drive/v3/about')).status, 400)
    const { id } = google.putFile('/fields/a.zip', Buffer.from('x'))
    const unasked = await get(`/drive/v3/files/${id}?supportsAllDrives=true`)
    assert.deepEqual(Object.keys(JSON.parse(unasked.text)).toSorted(), [
      'driveId',
      'id',
      'kind',
      'mimeType',
      'name',
      'teamDriveId',
    ])
    const asked = await get(
      `/drive/v3/files/${id}?supportsAllDrives=true&fields=size,capabilities(canDelete)`,
    )
    assert.deepEqual(JSON.parse(asked.text), { size: '1', capabilities: { canDelete: true } })
    assert.equal((await get(`/drive/v3/files/${id}?supportsAllDrives=true&fields=size(`)).status, 400)
  })

  it('knows nothing of shared drives without their flags', async () => {
    const folder = google.world.sharedFolderId
    google.putFile('/flags.zip', Buffer.from('x'))
    assert.equal((await get(`/drive/v3/files/${folder}`)).status, 404)
    assert.equal((await ask(google, 'DELETE', `/drive/v3/files/${folder}`, { headers })).status, 404)
    const query = `q=${encodeURIComponent(`'${folder}' in parents`)}`
    assert.deepEqual((await get(`/drive/v3/files?${query}`)).json.files, [])
    assert.equal((await get(`/drive/v3/files?${query}&${FLAGS}`)).json.files.length > 0, true)
    const open = await ask(google, 'POST', UPLOAD.replace('&supportsAllDrives=true', ''), {
      headers,
      body: JSON.stringify({ parents: [folder] }),
    })
    assert.deepEqual([open.status, reasonOf(open)], [404, 'notFound'])
  })

  it('answers 404 for an unknown parent in a search, and 400 for a bad query', async () => {
    const search = (q: string) => get(`/drive/v3/files?${FLAGS}&q=${encodeURIComponent(q)}`)
    assert.equal((await search("'nowhere' in parents")).status, 404)
    for (const q of ["name = 'a", "name ~ 'a'", "name = 'a' and", "(name = 'a'", "name = 'it's'"]) {
      assert.equal((await search(q)).status, 400, q)
    }
    google.putFile("/q/it's \\ here.zip", Buffer.from('x'))
    const found = await search(
      "(name = 'IT\\'S \\\\ here.zip' or name = 'x') and not trashed = true and mimeType != 'y'",
    )
    assert.equal(found.json.files.length, 1)
  })

  it('compresses JSON for those who allow it', async () => {
    const { headers: plain } = await get('/drive/v3/about?fields=*')
    assert.equal(plain['content-encoding'], undefined)
    const zipped = await ask(google, 'GET', '/drive/v3/about?fields=*', {
      headers: { ...headers, 'Accept-Encoding': 'gzip' },
    })
    assert.equal(zipped.headers['content-encoding'], 'gzip')
  })

  it('takes only IDs that it has generated itself, and each once', async () => {
    assert.equal((await openSession(google, 1, { id: 'chosen-by-me' })).status, 400)
    const { json } = await get('/drive/v3/files/generateIds?count=2')
    const metadata = JSON.stringify({
      id: json.ids[0],
      name: 'f',
      mimeType: 'application/vnd.google-apps.folder',
      parents: [google.world.sharedFolderId],
    })
    const create = () =>
      ask(google, 'POST', '/drive/v3/files?supportsAllDrives=true', { headers, body: metadata })
    assert.equal((await create()).status, 200)
    assert.equal((await create()).status, 409)
    assert.equal((await openSession(google, 1, { id: json.ids[0] })).status, 409)
  })

  it('limits private properties to 124 bytes', async () => {
    const answer = await openSession(google, 1, { appProperties: { run_id: 'x'.repeat(119) } })
    assert.equal(answer.status, 403)
    assert.equal((await openSession(google, 1, { appProperties: { run_id: 'x'.repeat(118) } })).status, 200)
  })

  it('keeps service accounts from storing in My Drive, but not from the shared drive', async () => {
    const answer = await openSession(google, 1, { parents: [google.world.myDriveFolderId] })
    assert.deepEqual([answer.status, reasonOf(answer)], [403, 'storageQuotaExceeded'])
    assert.equal((await openSession(google, 1)).status, 200)
  })
})
