// The check of a Dropbox account, and its tokens.

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { ALL_SCOPES } from '../../../clouds/dropbox/sign-in.ts'
import { createBench, never, refused } from './harness.ts'

const bench = await createBench()
const { cloudWith, client } = bench
after(bench.close)

describe('the check of a Dropbox account', () => {
  it('writes and removes a file, and tells the space', async () => {
    const cloud = await cloudWith({ quotaBytes: 5_000_000 })
    cloud.putFile('/old.zip', Buffer.alloc(1000))
    const check = await client(cloud).check(never)
    assert.deepEqual(check.space, { used: 1000, total: 5_000_000 })
    assert.equal(check.ok, true, check.detail)
    assert.match(check.detail, /Jane Doe/)
    assert.equal(check.error, null)
    assert.equal(cloud.files().length, 1)
    const operations = cloud.server.requests.map((request) => request.operation)
    for (const operation of ['upload', 'delete']) assert.ok(operations.includes(operation))
  })

  it('warns that a bare access token does not last', async () => {
    const cloud = await cloudWith()
    const check = await client(cloud, { credentials: cloud.accessTokenCredentials() }).check(never)
    assert.equal(check.ok, true)
    assert.match(check.detail, /4 hours/)
    assert.equal(cloud.tokenExchanges(), 0)
  })

  const wrong = [
    ['a wrong app secret', { app_secret: 'wrong' }, 'credentials_refused'],
    ['a wrong app key', { app_key: 'wrong' }, 'credentials_refused'],
    ['a wrong refresh token', { refresh_token: 'wrong' }, 'credentials_refused'],
  ] as const
  for (const [what, change, code] of wrong) {
    it(`names ${what}`, async () => {
      const cloud = await cloudWith()
      const check = await client(cloud, { credentials: { ...cloud.credentials, ...change } }).check(never)
      assert.equal(check.ok, false)
      assert.equal(check.error?.code, code)
      assert.doesNotMatch(JSON.stringify(check), /test-refresh|testappsecret|wrong|https?:/)
    })
  }

  it('names tokens that are expired, revoked or malformed', async () => {
    const cloud = await cloudWith()
    const credentials = cloud.accessTokenCredentials()
    cloud.expireTokens()
    assert.equal((await client(cloud, { credentials }).check(never)).error?.code, 'credentials_expired')
    const revoked = { access_token: 'sl.never-issued' }
    assert.equal(
      (await client(cloud, { credentials: revoked }).check(never)).error?.code,
      'credentials_refused',
    )
    const malformed = { access_token: 'pasted something else' }
    assert.equal(
      (await client(cloud, { credentials: malformed }).check(never)).error?.code,
      'credentials_malformed',
    )
  })

  it('names the permission that the app lacks', async () => {
    for (const scope of ['account_info.read', 'files.metadata.read', 'files.content.write']) {
      const cloud = await cloudWith({ scopes: ALL_SCOPES.filter((other) => other !== scope) })
      const check = await client(cloud).check(never)
      assert.equal(check.error?.code, 'permission_denied')
      assert.ok(check.detail.includes(scope), check.detail)
    }
  })

  it('names a full account and a clock that is off', async () => {
    const full = await cloudWith({ quotaBytes: 0 })
    const check = await client(full).check(never)
    assert.equal(check.error?.code, 'storage_quota_exceeded')
    assert.deepEqual(check.space, { used: 0, total: 0 })
    const skewed = await cloudWith({ clockOffsetMs: 3_600_000 })
    assert.equal((await client(skewed).check(never)).error?.code, 'clock_skewed')
  })

  it('names a network or provider that does not answer', async () => {
    const cloud = await cloudWith()
    cloud.server.faults.add({ operation: 'token', action: { kind: 'refuse' } })
    assert.equal((await client(cloud).check(never)).error?.code, 'network_unreachable')
    cloud.server.faults.add({ operation: 'account', action: { kind: 'status', status: 503 } })
    assert.equal((await client(cloud).check(never)).error?.code, 'provider_unavailable')
  })

  it('refuses to follow a redirect with a token or secret', async () => {
    const cloud = await cloudWith()
    for (const operation of ['token', 'account', 'list']) {
      cloud.server.faults.add({ operation, action: { kind: 'redirect', to: 'http://127.0.0.1:1/' } })
    }
    assert.equal((await client(cloud).check(never)).error?.code, 'insecure_redirect')
    assert.equal((await client(cloud).check(never)).error?.code, 'insecure_redirect')
  })
})

describe('tokens of Dropbox', () => {
  it('are exchanged once for all calls, with the secrets in the body', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    await Promise.all([1, 2, 3, 4, 5].map((index) => provider.findFolder(`/f${index}`, never)))
    assert.equal(cloud.tokenExchanges(), 1)
    const [token] = cloud.server.requests.filter((request) => request.operation === 'token')
    assert.equal(token?.path, '/oauth2/token')
  })

  it('are renewed before they end, and the old one serves while the token endpoint has a fault', async () => {
    const cloud = await cloudWith({ tokenLifeSeconds: 3600 })
    let clock = Date.now()
    const provider = client(cloud, { now: () => clock })
    await provider.findFolder('/a', never)
    clock += 3_200_000
    await provider.findFolder('/a', never)
    assert.equal(cloud.tokenExchanges(), 1)
    clock += 200_000
    cloud.server.faults.add({ operation: 'token', action: { kind: 'status', status: 503 } })
    await provider.findFolder('/a', never)
    assert.equal(cloud.tokenExchanges(), 1)
    await provider.findFolder('/a', never)
    assert.equal(cloud.tokenExchanges(), 2)
  })

  it('are not asked for again and again when renewal does not help', async () => {
    const cloud = await cloudWith()
    cloud.server.faults.add({
      operation: 'account',
      times: Infinity,
      action: { kind: 'status', status: 401 },
    })
    assert.equal((await refused(client(cloud).findFolder('/a', never))).code, 'token_refused')
    assert.equal(cloud.tokenExchanges(), 3)
    assert.equal(cloud.server.requests.filter((request) => request.operation === 'account').length, 3)
  })

  it('say when the refresh token was revoked in the middle', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    await provider.findFolder('/a', never)
    cloud.expireTokens()
    cloud.revokeRefreshToken()
    assert.equal((await refused(provider.findFolder('/a', never))).code, 'credentials_refused')
  })

  it('let one caller give up without harm to the others', async () => {
    const cloud = await cloudWith()
    cloud.server.faults.add({ operation: 'token', action: { kind: 'delay', ms: 60 } })
    const provider = client(cloud)
    const stop = new AbortController()
    const given = refused(provider.findFolder('/a', stop.signal))
    const other = provider.findFolder('/a', never)
    stop.abort(new Error('gave up'))
    assert.equal((await given).message, 'gave up')
    assert.equal(await other, null)
    assert.equal(cloud.tokenExchanges(), 1)
  })
})
