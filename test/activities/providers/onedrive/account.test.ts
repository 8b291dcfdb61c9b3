import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  checkPageUrl,
  checkSignInUrl,
  checkUploadUrl,
  graphBase,
  graphScope,
} from '../../../../activities/providers/onedrive/hosts.ts'
import { encodeFolders, encodeName } from '../../../../activities/providers/onedrive/names.ts'
import { ProviderError } from '../../../../activities/providers/provider.ts'
import type { ErrorCode } from '../../../../workflows/errors.ts'
import { bytesOf, failsWith, signal, sourceOf, startBench, targetFor, uploadThrough } from './harness.ts'

/** The inverse of `encodeName`. */
const decodeName = (name: string) =>
  name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

describe('The check of a OneDrive account', () => {
  it('writes and deletes a file through a session and tells the space', async () => {
    const { cloud, provider } = await startBench()
    cloud.putFile('/x.zip', bytesOf(100))
    const check = await provider.check(signal)
    assert.deepEqual(check.space, { used: 100, total: 2 ** 40 })
    assert.equal(check.error, null)
    assert.ok(check.ok)
    assert.match(check.detail, /wrote and deleted a test file in its root/)
    assert.equal(cloud.files().length, 1)
    assert.equal(cloud.recycleBin().length, 1)
    assert.equal(cloud.openSessions(), 0)
    const asked = cloud.server.requests.map((entry) => entry.operation)
    assert.ok(['open', 'chunk', 'delete'].every((operation) => asked.includes(operation)))
  })

  it('tries the remote path where it exists, and says so where it does not', async () => {
    const { cloud, another } = await startBench()
    cloud.putFile('/backups/x.zip', bytesOf(1))
    const drive = { user: 'backup@contoso.example' }
    assert.match(
      (await another({ settings: { drive, remote_path: '/backups' } }).check(signal)).detail,
      /in \/backups\. /,
    )
    const missing = await another({ settings: { drive, remote_path: '/backups/acme' } }).check(signal)
    assert.ok(missing.ok)
    assert.match(missing.detail, /in \/backups; \/backups\/acme does not exist yet/)
  })

  it('knows no space for a library that does not tell it', async () => {
    const { cloud, another } = await startBench()
    const check = await another({
      settings: { drive: { site_id: String((cloud.bySiteId.drive as { site_id: string }).site_id) } },
    }).check(signal)
    assert.ok(check.ok)
    assert.equal(check.space, null)
  })

  const credentials = { tenant_id: '', client_id: '', client_secret: '' }
  const cases: readonly (readonly [string, Partial<typeof credentials>, ErrorCode, RegExp])[] = [
    ['a wrong secret', { client_secret: 'wrong' }, 'credentials_refused', /AADSTS7000215.*Value, not its ID/],
    [
      'an unknown application',
      { client_id: '00000000-0000-0000-0000-000000000000' },
      'account_misconfigured',
      /AADSTS700016/,
    ],
    [
      'an unknown tenant',
      { tenant_id: 'nobody.example' },
      'account_misconfigured',
      /does not know the tenant.*AADSTS90002/,
    ],
    ['a malformed tenant', { tenant_id: 'nobody' }, 'account_misconfigured', /AADSTS900023/],
    ['the tenant `common`', { tenant_id: 'common' }, 'account_misconfigured', /tenant/],
  ]
  for (const [what, change, code, words] of cases) {
    it(`explains ${what}`, async () => {
      const { cloud, another } = await startBench()
      const { tenantId, clientId, secret } = cloud.application
      const given = { tenant_id: tenantId, client_id: clientId, client_secret: secret, ...change }
      const check = await another({ credentials: given }).check(signal)
      assert.equal(check.ok, false)
      assert.equal(check.error?.code, code)
      assert.match(check.error?.message ?? '', words)
      assert.doesNotMatch(JSON.stringify(check), new RegExp(secret))
    })
  }

  it('explains an expired secret and every other refusal by its number', async () => {
    const { cloud, another } = await startBench()
    cloud.application.isSecretExpired = true
    assert.equal((await another().check(signal)).error?.code, 'credentials_expired')
    cloud.application.isSecretExpired = false
    cloud.server.faults.add({ operation: 'token', action: { kind: 'own', name: 'aadsts', value: 53003 } })
    assert.match((await another().check(signal)).detail, /Conditional Access/)
  })

  for (const missingRole of [401, 403] as const) {
    it(`explains missing consent, which Graph answers by ${missingRole}`, async () => {
      const none = await startBench({ roles: [], missingRole })
      const check = await none.provider.check(signal)
      assert.equal(check.error?.code, 'permission_denied')
      assert.match(check.detail, /no application permission, so an administrator has not consented/)
      assert.equal(none.cloud.server.requests.filter((entry) => entry.operation === 'token').length, 1)
      const other = await startBench({ roles: ['Mail.Send'], missingRole })
      assert.match(
        (await other.provider.check(signal)).detail,
        /only Mail\.Send, none of which reaches files/,
      )
    })
  }

  it('finds that sessions open but their bytes are refused', async () => {
    const { cloud, provider } = await startBench({ roles: ['Sites.Selected'], refusesFragments: true })
    const check = await provider.check(signal)
    assert.equal(check.error?.code, 'permission_denied')
    assert.match(check.detail, /carries Sites\.Selected/)
    assert.equal(cloud.openSessions(), 0)
  })

  it('explains a user without OneDrive, without licence, and targets that do not exist', async () => {
    const { cloud, another } = await startBench()
    const check = (drive: { user: string } | { drive_id: string } | { site_id: string }) =>
      another({ settings: { drive } }).check(signal)
    const expected: readonly [Parameters<typeof check>[0], RegExp][] = [
      [{ user: cloud.userWithoutDrive }, /no OneDrive yet/],
      [{ user: cloud.userWithoutLicence }, /no SharePoint Online licence/],
      [{ user: 'nobody@contoso.example' }, /does not exist/],
      [{ drive_id: 'b!nothing' }, /does not exist/],
      [{ site_id: 'contoso.sharepoint.com:/sites/nothing' }, /does not exist/],
      [{ site_id: 'contoso.sharepoint.com,1,2' }, /does not exist/],
    ]
    for (const [drive, words] of expected) {
      const result = await check(drive)
      assert.equal(result.error?.code, 'account_misconfigured')
      assert.match(result.detail, words)
    }
  })

  it('explains a full drive, a file that cannot be deleted, and a wrong clock', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({ operation: 'delete', action: { kind: 'status', status: 403 } })
    const kept = await provider.check(signal)
    assert.equal(kept.error?.code, 'permission_denied')
    assert.match(kept.detail, /Uploading works, but .* could not be deleted/)
    cloud.server.faults.add({
      operation: 'drive',
      action: { kind: 'own', name: 'date_offset', value: -600_000 },
    })
    const skewed = await provider.check(signal)
    assert.equal(skewed.error?.code, 'clock_skewed')
    assert.match(skewed.detail, /10 minutes ahead/)
    cloud.setQuota(1)
    const full = await provider.check(signal)
    assert.equal(full.error?.code, 'storage_quota_exceeded')
    assert.deepEqual(full.space, { used: 1, total: 1 })
  })

  it('tells an unreachable or failing sign-in from wrong credentials', async () => {
    const { cloud, another } = await startBench()
    cloud.server.faults.add({ operation: 'token', action: { kind: 'refuse' } })
    assert.equal((await another().check(signal)).error?.code, 'network_unreachable')
    cloud.server.faults.add({ operation: 'token', action: { kind: 'status', status: 502, body: '<html>' } })
    assert.equal((await another().check(signal)).error?.code, 'provider_unavailable')
    cloud.server.faults.add({ operation: 'token', action: { kind: 'status', status: 200, body: '<html>' } })
    assert.equal((await another().check(signal)).error?.code, 'unexpected_answer')
  })

  it('ends when it is told to', async () => {
    const { provider } = await startBench()
    await assert.rejects(provider.check(AbortSignal.abort(new Error('stop'))), /stop/)
  })
})

describe('Names on OneDrive', () => {
  const encoded: readonly (readonly [string, string])[] = [
    ['acme 2026-11-23.dump', 'acme 2026-11-23.dump'],
    ['Ünïcödé 日本 🎉 #1 & 50% + x=y.zip', 'Ünïcödé 日本 🎉 #1 & 50% + x=y.zip'],
    ['a"b*c:d<e>f?g/h\\i|j', 'a%22b%2Ac%3Ad%3Ce%3Ef%3Fg%2Fh%5Ci%7Cj'],
    ['12:30.zip', '12%3A30.zip'],
    ['%3A.zip', '%253A.zip'],
    ['100%.zip', '100%.zip'],
    [' x ', '%20x%20'],
    [' ', '%20'],
    ['~$lock.zip', '%7E$lock.zip'],
    ['x.', 'x%2E'],
    ['..', '.%2E'],
    ['CON', '%43ON'],
    ['desktop.INI', '%64esktop.INI'],
    ['.lock', '%2Elock'],
    ['com1', '%63om1'],
    ['com1.zip', 'com1.zip'],
    ['a_vti_b', 'a%5Fvti_b'],
    ['tab\there', 'tab%09here'],
  ]
  for (const [name, expected] of encoded) {
    it(`stores ${JSON.stringify(name)} as ${JSON.stringify(expected)}`, () => {
      assert.equal(encodeName(name), expected)
      assert.equal(decodeName(expected), name)
    })
  }

  it('come back from their encoding whatever they are', () => {
    const part = fc.constantFrom(
      '%',
      '4',
      '1',
      'A',
      'f',
      ' ',
      '.',
      '~',
      ':',
      '_vti_',
      'con',
      '.lock',
      'é',
      '🎉',
      '\u0007',
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 12 }), (parts) =>
        assert.equal(decodeName(encodeName(parts.join(''))), parts.join('')),
      ),
    )
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }), (name) =>
        assert.equal(decodeName(encodeName(name)), name),
      ),
    )
  })

  it('are refused when they are empty, broken, or too long with their path', async () => {
    const { provider } = await startBench()
    for (const name of ['', '\ud800.zip', `${'x'.repeat(400)}.zip`]) {
      assert.throws(
        () => provider.remoteName(name),
        (cause: unknown) => cause instanceof ProviderError && cause.code === 'name_refused',
      )
    }
    const deep = `/${'d'.repeat(150)}/${'e'.repeat(100)}`
    const target = await targetFor(provider, `${'n'.repeat(145)}.zip`, 10, deep)
    await assert.rejects(provider.openSession(target, signal), failsWith('name_refused', /401 characters/))
    await assert.rejects(
      provider.ensureFolder(`${deep}/${'f'.repeat(149)}`, signal),
      failsWith('name_refused'),
    )
    assert.equal(
      (await uploadThrough(provider, { ...target, name: `${'n'.repeat(144)}.zip` }, sourceOf(bytesOf(10))))
        .file.size,
      10,
    )
  })

  it('reach the provider as they are, in files and folders', async () => {
    const { cloud, provider } = await startBench()
    const names = [
      "it's (a) #test! 100% & +.zip",
      'Ünïcödé 日本 🎉.zip',
      'a:b|c.zip',
      `${'n'.repeat(196)}.zip`,
      '%41 %.zip',
    ]
    for (const [index, name] of names.entries()) {
      for (const size of [10, 5000]) {
        const stored = provider.remoteName(`${size} ${name}`)
        const target = await targetFor(provider, stored, size, '/forms/ acme: x./50%')
        assert.equal((await uploadThrough(provider, target, sourceOf(bytesOf(size)))).file.name, stored)
        assert.equal((await provider.findFiles(target.folder, stored, signal)).length, 1)
      }
      assert.equal(cloud.files('/%66orms/%20acme%3A x%2E/50%').length, 2 * index + 2)
    }
    assert.deepEqual(encodeFolders('/a/forms/b'), ['a', 'forms', 'b'])
  })
})

describe('Addresses out of answers', () => {
  const upload = (url: string, root: string) => () => checkUploadUrl(url, root)
  const refused = { name: 'ProviderError', code: 'insecure_redirect' }

  it('are followed to Microsoft and near the configured root only', () => {
    const graph = 'https://graph.microsoft.com'
    for (const host of [
      'contoso-my.sharepoint.com',
      'contoso.sharepoint.us',
      'contoso.sharepoint.cn',
      'x.svc.ms',
      'api.onedrive.com',
      'sn3302.up.1drv.com',
      'upload.microsoft.com',
    ]) {
      assert.doesNotThrow(upload(`https://${host}/up?tempauth=x`, graph))
    }
    for (const url of [
      'http://contoso.sharepoint.com/',
      'https://sharepoint.com.example.net/',
      'https://evilsharepoint.com/',
      'https://localhost/',
      'not a url',
      'https://127.0.0.1/',
    ]) {
      assert.throws(upload(url, graph), refused)
    }
    assert.doesNotThrow(upload('https://upload.gateway.example.net/x', 'https://graph.gateway.example.net'))
    assert.throws(upload('https://other.example.net/x', 'https://graph.gateway.example.net'), refused)
    assert.throws(upload('https://example.net/x', 'https://gateway.net'), refused)
    assert.doesNotThrow(upload('https://localhost:4443/x', 'https://127.0.0.1:4443'))
    assert.throws(upload('https://10.0.0.2/x', 'https://10.0.0.1'), refused)
  })

  it('get the token only on Graph or the configured root, and the secret only at the sign-in', () => {
    assert.doesNotThrow(() =>
      checkPageUrl('https://graph.microsoft.com/v1.0/x', 'https://gateway.example.net'),
    )
    assert.doesNotThrow(() =>
      checkPageUrl('https://gateway.example.net/v1.0/x', 'https://gateway.example.net'),
    )
    assert.throws(
      () => checkPageUrl('https://contoso.sharepoint.com/x', 'https://graph.microsoft.com'),
      refused,
    )
    assert.throws(() => checkPageUrl('http://graph.microsoft.com/x', 'https://graph.microsoft.com'), refused)
    assert.throws(
      () => checkSignInUrl('https://login.example.net/token', 'https://login.microsoftonline.com'),
      refused,
    )
  })

  it('of national clouds have their own scope', () => {
    assert.equal(graphScope('https://graph.microsoft.us'), 'https://graph.microsoft.us/.default')
    assert.equal(graphScope('https://gateway.example.net/graph'), 'https://graph.microsoft.com/.default')
    assert.equal(graphBase('https://graph.microsoft.com/'), 'https://graph.microsoft.com/v1.0')
    assert.equal(graphBase('https://graph.microsoft.com/v1.0'), 'https://graph.microsoft.com/v1.0')
  })
})
