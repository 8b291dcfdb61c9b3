// Instances, accounts, bindings, audit: what people set up.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createUser } from '../../db/access/users.ts'
import { createAccount } from '../../db/accounts/accounts.ts'
import { newFernetKey } from '../../db/secrets/fernet.ts'
import { openVault } from '../../db/secrets/vault.ts'
import { randomName, testVault } from '../support/rows.ts'
import { type ApiFixture, assertProblem, at, createApiFixture, list, text } from './fixture.ts'

const DROPBOX = { provider: 'dropbox', credentials: { access_token: 'planted-secret-of-dropbox' } }

describe('the API', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const account = async () => {
    const made = await api.ask('POST', '/api/accounts', { ...DROPBOX, name: randomName('Dropbox') })
    assert.equal(made.status, 201, made.text)
    return text(made.body.id)
  }
  const instance = async () => {
    const slug = randomName('acme')
    assert.equal((await api.ask('POST', '/api/instances', { slug, name: 'Acme' })).status, 201)
    return slug
  }

  it('answers probes without a login and everything else only with one', async () => {
    assert.deepEqual((await api.askAnonymously('GET', '/healthz')).body, { status: 'ok' })
    assert.deepEqual((await api.askAnonymously('GET', '/readyz')).body, {
      status: 'ready',
      checks: { database: 'ok', temporal: 'ok', key: 'ok' },
    })
    const refused = await api.askAnonymously('GET', '/api/instances')
    assertProblem(refused, 401)
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer/)
    assertProblem(
      await api.askAnonymously('GET', '/api/instances', undefined, { authorization: 'Bearer no' }),
      401,
    )
    assert.equal((await api.ask('GET', '/api/instances')).status, 200)
  })

  it('answers unknown addresses, other methods, foreign media and large bodies with problem documents', async () => {
    assertProblem(await api.ask('GET', '/api/nothing'), 404)
    const other = await api.ask('PUT', '/api/instances')
    assertProblem(other, 405)
    assert.equal(other.headers.get('allow'), 'GET, POST')
    assertProblem(await api.ask('POST', '/api/instances', '{"slug":'), 400)
    assertProblem(await api.ask('POST', '/api/instances', 'slug=a', { 'content-type': 'text/plain' }), 415)
    assertProblem(await api.ask('POST', '/api/instances', { slug: 'a', name: 'x'.repeat(300_000) }), 413)
    assert.deepEqual(
      assertProblem(await api.ask('POST', '/api/instances', { slug: 'A b', colour: 1 }), 422),
      ['slug', 'colour'],
    )
    assertProblem(await api.ask('POST', '/api/instances', '{"slug":"a","name":"\\u0000"}'), 422)
    assertProblem(await api.ask('GET', '/api/instances/%00'), 404)
  })

  it('sends headers that forbid framing, sniffing, caching and loading from elsewhere', async () => {
    for (const answer of [await api.ask('GET', '/api/runs'), await api.ask('GET', '/api/nothing')]) {
      assert.equal(
        answer.headers.get('content-security-policy'),
        "default-src 'none'; frame-ancestors 'none'",
      )
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.equal(answer.headers.get('referrer-policy'), 'no-referrer')
      assert.equal(answer.headers.get('strict-transport-security'), null)
    }
  })

  it('creates, reads, renames and deletes an instance', async () => {
    const slug = randomName('acme')
    const made = await api.ask('POST', '/api/instances', { slug })
    assert.equal(made.status, 201)
    assert.equal(made.headers.get('location'), `/api/instances/${slug}`)
    assert.equal(made.body.id, slug)
    assert.equal(made.body.name, slug)
    assert.deepEqual(assertProblem(await api.ask('POST', '/api/instances', { slug }), 409), ['slug'])
    const renamed = await api.ask('PATCH', `/api/instances/${slug}`, { name: 'Other' })
    assert.equal(renamed.body.name, 'Other')
    assert.equal((await api.ask('GET', `/api/instances/${slug}`)).body.name, 'Other')
    assert.equal((await api.ask('DELETE', `/api/instances/${slug}`)).status, 204)
    assertProblem(await api.ask('GET', `/api/instances/${slug}`), 404)
    assertProblem(await api.ask('PATCH', `/api/instances/${slug}`, { name: 'x' }), 404)
    assertProblem(await api.ask('DELETE', `/api/instances/${slug}`), 404)
    const trail = list((await api.ask('GET', `/api/audit?instance=${slug}`)).body)
    assert.deepEqual(
      trail.map((entry) => entry.event),
      ['instance_deleted', 'instance_updated', 'instance_created'],
    )
    assert.equal(trail[0]?.actor, 'token')
    assert.deepEqual(at(trail[1] ?? null, 'details'), { before: { name: slug }, after: { name: 'Other' } })
  })

  it('never gives credentials out, and keeps them when a patch has none', async () => {
    const key = {
      type: 'service_account',
      client_email: 'robot@example.iam',
      private_key: 'planted-private-key',
    }
    const wrong = await api.ask('POST', '/api/accounts', {
      name: 'Drive',
      provider: 'google_drive',
      credentials: { credentials_json: JSON.stringify({ ...key, client_email: 'robot@example.com' }) },
      settings: { folder_id: 'folder-1' },
    })
    assert.deepEqual(assertProblem(wrong, 422), ['credentials.credentials_json.private_key'])
    assert.ok(!wrong.text.includes('planted'))
    const id = await account()
    const shown = await api.ask('GET', `/api/accounts/${id}`)
    assert.equal(shown.body.has_credentials, true)
    assert.equal(shown.body.needs_credentials, false)
    assert.equal(shown.body.credentials_hint, 'access token')
    const renamed = await api.ask('PATCH', `/api/accounts/${id}`, { name: randomName('Other') })
    assert.equal(renamed.status, 200)
    const replaced = await api.ask('PATCH', `/api/accounts/${id}`, {
      credentials: { refresh_token: 'planted-refresh', app_key: 'key1', app_secret: 'planted-app-secret' },
    })
    assert.equal(replaced.body.credentials_hint, 'app key1')
    assert.deepEqual(
      assertProblem(
        await api.ask('PATCH', `/api/accounts/${id}`, { settings: { remote_path: '/a/../b' } }),
        422,
      ),
      ['settings.remote_path'],
    )
    const everything = [
      shown,
      renamed,
      replaced,
      await api.ask('GET', '/api/accounts'),
      await api.ask('GET', '/api/audit'),
    ]
    for (const answer of everything) assert.ok(!answer.text.includes('planted'), answer.text)
    assert.ok(!api.logged.join('').includes('planted'))
  })

  it('shows an account that no key opens as one that needs its credentials again, beside all others', async () => {
    const fine = await account()
    const stranger = openVault([newFernetKey()])
    const lost = await createAccount(api.db, stranger, {
      name: randomName('lost'),
      provider: 'dropbox',
      credentials: { access_token: 'x' },
    })
    const shown = list((await api.ask('GET', '/api/accounts?limit=200')).body)
    assert.equal(shown.find(({ id }) => id === lost.id)?.needs_credentials, true)
    assert.equal(shown.find(({ id }) => id === fine)?.needs_credentials, false)
    const entered = await api.ask('PATCH', `/api/accounts/${lost.id}`, {
      credentials: { access_token: 'new' },
    })
    assert.equal(entered.body.needs_credentials, false)
    const system = await api.ask('GET', '/api/system')
    assert.deepEqual(system.body.key_fingerprints, [...testVault.fingerprints])
  })

  it('refuses two accounts of one name, and to delete one that is bound', async () => {
    const name = randomName('Twice')
    assert.equal((await api.ask('POST', '/api/accounts', { ...DROPBOX, name })).status, 201)
    assert.deepEqual(assertProblem(await api.ask('POST', '/api/accounts', { ...DROPBOX, name }), 409), [
      'name',
    ])
    const id = await account()
    const slug = await instance()
    const bound = await api.ask('POST', `/api/instances/${slug}/bindings`, { account_id: id })
    assert.equal(bound.status, 201)
    assertProblem(await api.ask('DELETE', `/api/accounts/${id}`), 409)
    assertProblem(await api.ask('DELETE', `/api/instances/${slug}`), 409)
    assert.equal((await api.ask('DELETE', `/api/bindings/${text(bound.body.id)}`)).status, 204)
    assert.equal((await api.ask('DELETE', `/api/accounts/${id}`)).status, 204)
    assert.equal((await api.ask('DELETE', `/api/instances/${slug}`)).status, 204)
  })

  it('binds an instance to an account once, and to no folder of another binding', async () => {
    const id = await account()
    const [one, other] = [await instance(), await instance()]
    const made = await api.ask('POST', `/api/instances/${one}/bindings`, { account_id: id, keep_last: 30 })
    assert.equal(made.status, 201)
    assert.equal(made.body.instance, one)
    assert.equal(made.body.remote_path, '/odoo-backups/{instance_slug}/')
    assert.equal(made.body.enabled, true)
    assert.equal(made.body.retention_scope, 'folder')
    const path = `/api/instances/${other}/bindings`
    assertProblem(await api.ask('POST', `/api/instances/${one}/bindings`, { account_id: id }), 409)
    const overlap = await api.ask('POST', path, { account_id: id, remote_path: `/Odoo-Backups/${one}` })
    assert.deepEqual(assertProblem(overlap, 409), ['remote_path'])
    for (const keepLast of [0, -1, 'x', 1.5]) {
      const answer = await api.ask('POST', path, { account_id: id, keep_last: keepLast })
      assert.deepEqual(assertProblem(answer, 422), ['keep_last'])
    }
    assert.deepEqual(assertProblem(await api.ask('POST', path, { account_id: 'nobody' }), 422), [
      'account_id',
    ])
    for (const remote_path of ['/a/{unknown}/b', '/a/../b', '/a}b']) {
      assert.deepEqual(assertProblem(await api.ask('POST', path, { account_id: id, remote_path }), 422), [
        'remote_path',
      ])
    }
    assertProblem(await api.ask('POST', '/api/instances/nobody/bindings', { account_id: id }), 404)
    const bindingPath = `/api/bindings/${text(made.body.id)}`
    const patched = await api.ask('PATCH', bindingPath, { keep_last: null, enabled: false })
    assert.equal(patched.body.keep_last, null)
    assert.equal(patched.body.enabled, false)
    assert.equal((await api.ask('GET', bindingPath)).body.enabled, false)
    assert.equal(list((await api.ask('GET', `/api/instances/${one}/bindings`)).body).length, 1)
    assertProblem(await api.ask('GET', `${bindingPath}/prune-preview`), 422)
  })

  it('gives the audit trail a page at a time, newest first', async () => {
    const first = await api.ask('GET', '/api/audit?limit=2')
    const [newest, second] = list(first.body)
    assert.ok(Number(newest?.id) > Number(second?.id))
    const next = await api.ask('GET', `/api/audit?limit=2&cursor=${text(first.body.next_cursor)}`)
    assert.ok(Number(list(next.body)[0]?.id) < Number(second?.id))
    assertProblem(await api.ask('GET', '/api/audit?cursor=made-up'), 422)
    assert.deepEqual(assertProblem(await api.ask('GET', '/api/audit?limit=0'), 422), ['limit'])
    assert.deepEqual(assertProblem(await api.ask('GET', '/api/audit?event=nothing'), 422), ['event'])
  })

  it('measures itself for Prometheus', async () => {
    assertProblem(await api.askAnonymously('GET', '/metrics'), 401)
    const { text: metrics, headers } = await api.ask('GET', '/metrics')
    assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    assert.match(metrics, /^cloud_sync_open_runs 0$/m)
    assert.match(
      metrics,
      /^cloud_sync_http_requests_total\{method="GET",route="\/api\/audit",status="200"\} \d+$/m,
    )
    for (const line of metrics.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^{}]*\})? [\d.e+-]+)$/)
    }
  })

  it('lets nobody in with the hash of a password or session', async () => {
    const user = await createUser(api.db, { username: randomName('user'), password_hash: 'plain' })
    const answer = await api.askAnonymously('POST', '/api/session', {
      username: user.username,
      password: 'plain',
    })
    assertProblem(answer, 401)
  })
})
