// The account check of Google Drive, and refusals that a person has to mend: each with its own reason
// (docs/providers.md, 1.1, 1.2 and 1.7).

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import type { ErrorCode } from '../../../../workflows/errors.ts'
import {
  assertClean,
  clientOf,
  type DriveSetup,
  MIB,
  refusedWith,
  sampleBytes,
  signal,
  startDrive,
  targetIn,
  uploadThrough,
} from './harness.ts'

async function failsWith({ drive, google }: DriveSetup, code: ErrorCode, pattern: RegExp): Promise<void> {
  const result = await drive.check(signal)
  assert.equal(result.ok, false)
  assert.equal(result.error?.code, code, result.error?.message)
  assert.match(result.error?.message ?? '', pattern)
  assert.equal(result.space, null)
  assertClean(result.detail)
  assert.deepEqual(google.files(), [], 'the check left a file')
}

describe('the check of a Google Drive account', () => {
  it('writes a file to the shared drive and removes it', async () => {
    await using setup = await startDrive()
    const result = await setup.drive.check(signal)
    assert.deepEqual([result.ok, result.error, result.space], [true, null, null])
    assert.match(result.detail, /in a shared drive as cloud-sync.*deleted again/)
    assert.deepEqual(setup.google.files(), [])
    assert.equal(setup.google.server.bytesReceived('chunk'), 1)
    assertClean(result.detail)
  })

  it('gives the space of the user in whose name it acts', async () => {
    await using setup = await startDrive({ destination: 'delegated' })
    setup.google.putFile('/a.zip', Buffer.alloc(1000))
    const result = await setup.drive.check(signal)
    assert.equal(result.ok, true, result.detail)
    assert.deepEqual(result.space, { used: 1000, total: 15 * 2 ** 30 })
  })

  it('says that a Content manager can only use the trash', async () => {
    await using setup = await startDrive({ role: 'fileOrganizer' })
    const result = await setup.drive.check(signal)
    assert.equal(result.ok, true)
    assert.match(result.detail, /trash/)
    assert.deepEqual(setup.google.files(), [])
  })

  it('says that a Contributor cannot remove anything', async () => {
    await using setup = await startDrive({ role: 'writer' })
    const result = await setup.drive.check(signal)
    assert.equal(result.ok, true)
    assert.match(result.detail, /could not be removed/)
  })

  it('explains a My Drive folder that is only shared with the service account', async () => {
    for (const namesServiceAccounts of [true, false]) {
      await using setup = await startDrive({ destination: 'my_drive', namesServiceAccounts })
      await failsWith(setup, 'folder_in_my_drive', /My Drive.*shared drive.*"subject"/s)
    }
  })

  it('finds a folder without the right to write', async () => {
    await using setup = await startDrive({ role: 'reader' })
    await failsWith(setup, 'permission_denied', /may not add files to the folder "Odoo"/)
  })

  it('finds a folder that is missing or in the trash', async () => {
    await using setup = await startDrive()
    setup.google.trashFolder()
    await failsWith(setup, 'folder_missing', /trash/)
    const { google, http } = setup
    const drive = clientOf(google, http, { settings: { folder_id: 'nowhere-to-be-found' } })
    await failsWith({ ...setup, drive }, 'folder_missing', /not shared with cloud-sync/)
  })

  it('finds a full drive', async () => {
    await using setup = await startDrive()
    setup.google.setQuota(0)
    await failsWith(setup, 'storage_quota_exceeded', /drive is full/)
  })

  it('finds a key that was deleted, or belongs to somebody else', async () => {
    await using setup = await startDrive()
    const { google, http } = setup
    const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    })
    const credentials = { credentials_json: { ...google.keyFile, private_key: foreign } }
    await failsWith(
      { ...setup, drive: clientOf(google, http, { credentials }) },
      'credentials_refused',
      /key/,
    )
    google.deleteKey()
    await failsWith(setup, 'credentials_refused', /deleted or replaced/)
  })

  it('finds a service account that does not exist', async () => {
    await using setup = await startDrive()
    const { google, http } = setup
    const credentials = {
      credentials_json: { ...google.keyFile, client_email: 'nobody@x.iam.gserviceaccount.com' },
    }
    await failsWith(
      { ...setup, drive: clientOf(google, http, { credentials }) },
      'credentials_refused',
      /deleted/,
    )
  })

  it('finds a key that cannot be read', async () => {
    await using setup = await startDrive()
    const { google, http } = setup
    const broken = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'
    const credentials = { credentials_json: { ...google.keyFile, private_key: broken } }
    await failsWith(
      { ...setup, drive: clientOf(google, http, { credentials }) },
      'credentials_malformed',
      /whole key file/,
    )
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    })
    const wrongKind = { credentials_json: { ...google.keyFile, private_key: ec } }
    await failsWith(
      { ...setup, drive: clientOf(google, http, { credentials: wrongKind }) },
      'credentials_malformed',
      /key/,
    )
  })

  it('finds a subject that nobody has heard of', async () => {
    await using setup = await startDrive()
    const { google, http } = setup
    const settings = { ...google.settings, subject: 'stranger@example.com' }
    await failsWith(
      { ...setup, drive: clientOf(google, http, { settings }) },
      'account_misconfigured',
      /subject/,
    )
  })

  it('finds a delegation that was not granted', async () => {
    await using setup = await startDrive({ destination: 'delegated' })
    const body = {
      error: 'unauthorized_client',
      error_description: 'Client is unauthorized to retrieve access tokens using this method.',
    }
    setup.google.server.faults.add({ operation: 'token', action: { kind: 'status', status: 401, body } })
    await failsWith(setup, 'account_misconfigured', /domain-wide delegation/)
  })

  for (const minutes of [-7, 7]) {
    it(`finds a clock that is ${minutes} minutes off`, async () => {
      await using setup = await startDrive({ now: () => Date.now() + minutes * 60_000 })
      await failsWith(setup, 'clock_skewed', minutes > 0 ? /7 minutes ahead/ : /7 minutes behind/)
    })
  }

  it('finds a network that is down, and a fault of Google', async () => {
    await using setup = await startDrive()
    setup.google.server.faults.add({ operation: 'token', action: { kind: 'refuse' } })
    await failsWith(setup, 'network_unreachable', /127\.0\.0\.1/)
    setup.google.server.faults.add({ operation: 'about', action: { kind: 'status', status: 503 } })
    await failsWith(setup, 'provider_unavailable', /503/)
    const html = '<html>Blocked by your company</html>'
    setup.google.server.faults.add({
      operation: 'token',
      action: { kind: 'status', status: 403, body: html },
    })
    const { google, http } = setup
    await failsWith({ ...setup, drive: clientOf(google, http) }, 'unexpected_answer', /proxy or firewall/)
  })

  it('removes its file also when the answer to it was cut off', async () => {
    await using setup = await startDrive()
    setup.google.server.faults.add({ operation: 'chunk', action: { kind: 'truncate_answer' } })
    assert.equal((await setup.drive.check(signal)).ok, true)
    assert.deepEqual(setup.google.files(), [])
  })

  it('rejects only for its signal', async () => {
    await using setup = await startDrive()
    await assert.rejects(setup.drive.check(AbortSignal.abort(new Error('stopped'))), /stopped/)
  })
})

describe('an upload that Google Drive does not take', () => {
  it('is refused before its first byte in a My Drive where only a user has storage', async () => {
    await using setup = await startDrive({ destination: 'my_drive' })
    const { drive, google } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    await refusedWith('folder_in_my_drive', drive.openSession(targetIn(folder, 'a.zip', 5), signal))
    assert.equal(google.server.bytesReceived('chunk'), 0)
  })

  it('is refused as for a full drive where the My Drive is that of the user whom it acts for', async () => {
    await using setup = await startDrive({ destination: 'delegated' })
    const { drive, google } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    google.setQuota(1)
    await refusedWith('storage_quota_exceeded', drive.openSession(targetIn(folder, 'a.zip', 5), signal))
  })

  it('is refused before its first byte when the drive is full, or the day is used up', async () => {
    await using setup = await startDrive({ dailyCapBytes: 3 * MIB })
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    google.setQuota(4 * MIB)
    await refusedWith('storage_quota_exceeded', drive.openSession(targetIn(folder, 'a.zip', 5 * MIB), signal))
    await uploadThrough(drive, targetIn(folder, 'b.zip', 3 * MIB), sampleBytes(3 * MIB))
    // Google's words are those of an ordinary pause: the ledger of sent bytes tells them apart.
    await refusedWith('rate_limited', drive.openSession(targetIn(folder, 'c.zip', 1), signal))
    assert.equal(google.server.bytesReceived('chunk'), 3 * MIB)
  })

  it('is refused when its folder has gone', async () => {
    await using setup = await startDrive()
    const folder = await setup.drive.ensureFolder('/acme', signal)
    setup.google.world.remove(folder.id)
    await refusedWith('folder_missing', setup.drive.openSession(targetIn(folder, 'a.zip', 1), signal))
  })

  it('is refused when the last byte finds the drive full', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const target = targetIn(folder, 'a.zip', 10)
    const session = await drive.openSession(target, signal)
    google.setQuota(5)
    await refusedWith('storage_quota_exceeded', uploadThrough(drive, target, sampleBytes(10), { session }))
    assert.deepEqual(google.files(), [])
  })
})
