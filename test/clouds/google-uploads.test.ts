// The emulated Google Drive is honest: it refuses what the real one refuses (docs/providers.md, 1.8), so that
// a client that passes here does not pass by luck. Upload sessions.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type GoogleDouble, startGoogleEmulator } from './google/index.ts'
import { ask, authority, bearer, disposable, put, sessionPath, UNIT, UPLOAD } from './google-wire.ts'

describe('an emulated upload session', () => {
  let google: GoogleDouble
  before(async () => {
    google = await startGoogleEmulator(authority)
  })
  after(() => google.close())

  it('counts bytes as the real one: 308, no Range for nothing, inclusive Range, 200 at the end and when asked later', async () => {
    const data = Buffer.alloc(UNIT + 10, 7)
    const path = await sessionPath(google, data.byteLength)
    const fresh = await put(google, path, `bytes */${data.byteLength}`)
    assert.deepEqual([fresh.status, fresh.headers.range], [308, undefined])
    const first = await put(google, path, `bytes 0-${UNIT - 1}/${data.byteLength}`, data.subarray(0, UNIT))
    assert.deepEqual(
      [first.status, first.headers.range, first.headers.location],
      [308, `bytes=0-${UNIT - 1}`, undefined],
    )
    const last = await put(google, path, `bytes ${UNIT}-${UNIT + 9}/${data.byteLength}`, data.subarray(UNIT))
    assert.equal(last.status, 200)
    const asked = await put(google, path, `bytes */${data.byteLength}`)
    assert.deepEqual([asked.status, asked.json.id], [200, last.json.id])
    assert.deepEqual(google.files().find(({ id }) => id === last.json.id)?.content, data)
    assert.equal((await put(google, path, `bytes 0-9/${data.byteLength}`, data.subarray(0, 10))).status, 400)
  })

  it('refuses gaps, odd sizes before the end, other totals and lengths that do not fit', async () => {
    const path = await sessionPath(google, 3 * UNIT)
    const bytes = Buffer.alloc(UNIT)
    const total = 3 * UNIT
    assert.equal((await put(google, path, `bytes ${UNIT}-${2 * UNIT - 1}/${total}`, bytes)).status, 400)
    assert.equal((await put(google, path, `bytes 0-99/${total}`, bytes.subarray(0, 100))).status, 400)
    assert.equal((await put(google, path, `bytes 0-${UNIT - 1}/${total + 1}`, bytes)).status, 400)
    assert.equal((await put(google, path, `bytes 0-${UNIT - 1}/${total}`, bytes.subarray(1))).status, 400)
    assert.equal((await put(google, path, 'pages 1-2', bytes)).status, 400)
    assert.equal((await put(google, path, `bytes */${total}`)).headers.range, undefined)
  })

  it('skips what it has already, keeps whole units of a broken request, and forgets the rest', async () => {
    const data = Buffer.alloc(3 * UNIT, 1)
    const path = await sessionPath(google, data.byteLength)
    google.server.faults.add({ operation: 'chunk', action: { kind: 'reset_after', bytes: UNIT + 1000 } })
    await assert.rejects(put(google, path, `bytes 0-${data.byteLength - 1}/${data.byteLength}`, data))
    assert.equal((await put(google, path, `bytes */${data.byteLength}`)).headers.range, `bytes=0-${UNIT - 1}`)
    const whole = await put(google, path, `bytes 0-${data.byteLength - 1}/${data.byteLength}`, data)
    assert.equal(whole.status, 200)
    const stored = google.files().find(({ id }) => id === whole.json.id)
    assert.deepEqual(stored?.hashes[0], {
      algorithm: 'md5',
      value: createHash('md5').update(data).digest('hex'),
    })
  })

  it('is refused to the second of two with one ID, when it ends', async () => {
    const ids = await ask(google, 'GET', '/drive/v3/files/generateIds?count=1', {
      headers: await bearer(google),
    })
    const metadata = { id: ids.json.ids[0] }
    const [one, two] = [await sessionPath(google, 1, metadata), await sessionPath(google, 1, metadata)]
    assert.equal((await put(google, one, 'bytes 0-0/1', Buffer.from('x'))).status, 200)
    assert.equal((await put(google, two, 'bytes 0-0/1', Buffer.from('x'))).status, 409)
    assert.equal(google.files().filter(({ id }) => id === metadata.id).length, 1)
  })

  it('ends with 499 when it is given up, and is 404 afterwards', async () => {
    const path = await sessionPath(google, 1)
    assert.equal((await ask(google, 'DELETE', path)).status, 499)
    assert.equal((await put(google, path, 'bytes */1')).status, 404)
  })

  it('takes multipart uploads of small files too', async () => {
    const body = [
      ...[
        '--xyz',
        'Content-Type: application/json',
        '',
        JSON.stringify({ name: 'm.zip', parents: [google.world.sharedFolderId] }),
      ],
      ...['--xyz', 'Content-Type: application/octet-stream', '', 'content', '--xyz--'],
    ].join('\r\n')
    const headers = { ...(await bearer(google)), 'Content-Type': 'multipart/related; boundary=xyz' }
    const path = UPLOAD.replace('resumable', 'multipart')
    const { json } = await ask(google, 'POST', path, { headers, body })
    assert.equal(
      google
        .files()
        .find(({ id }) => id === json.id)
        ?.content?.toString(),
      'content',
    )
  })

  it('only hashes where contents are not kept', async () => {
    await using hashing = await disposable({ keepContent: false })
    const data = Buffer.alloc(UNIT * 2 + 5, 3)
    const path = await sessionPath(hashing, data.byteLength)
    const { json } = await put(hashing, path, `bytes 0-${data.byteLength - 1}/${data.byteLength}`, data)
    const stored = hashing.files().find(({ id }) => id === json.id)
    assert.deepEqual([stored?.content, stored?.size], [null, data.byteLength])
    assert.equal(stored?.hashes[1]?.value, createHash('sha256').update(data).digest('hex'))
  })
})
