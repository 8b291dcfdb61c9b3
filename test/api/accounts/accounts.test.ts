// Cloud accounts: made, changed and deleted, and their credentials, which only go in.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createAccount } from '../../../db/accounts/accounts.ts'
import { newFernetKey } from '../../../db/secrets/fernet.ts'
import { openVault } from '../../../db/secrets/vault.ts'
import { randomName, testVault } from '../../support/rows.ts'
import { type ApiFixture, assertProblem, createApiFixture, list, text } from '../fixture.ts'

const DROPBOX = { provider: 'dropbox', credentials: { access_token: 'planted-secret-of-dropbox' } }

describe('cloud accounts of the API', () => {
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

  it('the API never gives credentials out, and keeps them when a patch has none', async () => {
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

  it('an account that no key opens is shown as one that needs its credentials again', async () => {
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

  it('two accounts of one name are refused, and so is deleting one that is bound', async () => {
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
})
