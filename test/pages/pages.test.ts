// What the pages promise without a browser: who gets in, what a foreign page cannot do, what is never sent, and that a
// page can be read and used without JavaScript.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { hashPassword } from '../../api/access/passwords.ts'
import { createUser } from '../../db/access/users.ts'
import { createAccount } from '../../db/accounts/accounts.ts'
import { createBinding } from '../../db/instances/bindings.ts'
import type { UserRole } from '../../db/schema.ts'
import { type ApiFixture, createApiFixture, TOKEN } from '../api/fixture.ts'
import { randomName, someAccount, someInstance, someRun, testVault } from '../support/rows.ts'

const PASSWORD = 'four seagulls above'
const OWN = { 'sec-fetch-site': 'same-origin' }
const HTML = { accept: 'text/html' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

type Fields = Readonly<Record<string, string>>

describe('the pages', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const get = (path: string, headers: Fields = {}) =>
    api.app.request(path, { headers: { ...HTML, ...headers } })
  const post = (path: string, fields: Fields, headers: Fields = {}) =>
    api.app.request(path, {
      method: 'POST',
      headers: { ...HTML, ...FORM, ...OWN, ...headers },
      body: new URLSearchParams(fields).toString(),
    })

  /** The cookie of a person who has logged in by the form. */
  async function login(role: UserRole, mustChange = false): Promise<Fields> {
    const username = randomName(role)
    const password_hash = await hashPassword(PASSWORD)
    await createUser(api.db, { username, password_hash, role, must_change_password: mustChange })
    const answer = await post('/login', { username, password: PASSWORD })
    assert.equal(answer.status, 303)
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    assert.match(cookie, /^cloud_sync_session=/)
    return { cookie }
  }

  it('a browser without a login is sent to the login, and back afterwards', async () => {
    const answer = await get('/runs/some?x=1')
    assert.equal(answer.status, 303)
    assert.equal(answer.headers.get('location'), '/login?next=%2Fruns%2Fsome%3Fx%3D1')
    const username = randomName('u')
    await createUser(api.db, { username, password_hash: await hashPassword(PASSWORD), role: 'viewer' })
    const there = await post('/login', { username, password: PASSWORD, next: '/audit?q=a' })
    assert.equal(there.headers.get('location'), '/audit?q=a')
  })

  it('a login never leads to another site', async () => {
    const username = randomName('u')
    await createUser(api.db, { username, password_hash: await hashPassword(PASSWORD), role: 'viewer' })
    for (const next of [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example',
      '/\t/evil.example',
      'audit',
    ]) {
      const answer = await post('/login', { username, password: PASSWORD, next })
      assert.equal(answer.headers.get('location'), '/', next)
    }
  })

  it('a program without a login still gets a problem document', async () => {
    const answer = await api.app.request('/', { headers: { accept: '*/*' } })
    assert.equal(answer.status, 401)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  })

  it('the first password has to be changed before anything else', async () => {
    const cookie = await login('admin', true)
    for (const path of ['/', '/cloud', '/settings']) {
      const answer = await get(path, cookie)
      assert.equal(answer.status, 303)
      const next = path === '/' ? '' : `?next=${encodeURIComponent(path)}`
      assert.equal(answer.headers.get('location'), `/password${next}`)
    }
    const page = await get('/password?next=%2Faudit%3Fq%3Da', cookie)
    assert.match(await page.text(), /name="next" value="\/audit\?q=a"/)
    assert.doesNotMatch(await (await get('/password?next=%2F%2Fevil.example', cookie)).text(), /name="next"/)
  })

  it('forms of foreign pages are refused, the login among them', async () => {
    const cookie = await login('admin')
    for (const foreign of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
      const answer = await post('/instances/new', { slug: 'stolen' }, { ...cookie, ...foreign })
      assert.equal(answer.status, 403)
      assert.equal((await post('/login', { username: 'x', password: 'y' }, foreign)).status, 403)
    }
    const { origin: _, ...headers } = { ...HTML, ...FORM, ...cookie, origin: '' }
    const answer = await api.app.request('/instances/new', {
      method: 'POST',
      headers: { ...headers, origin: 'https://evil.example' },
      body: 'slug=stolen',
    })
    assert.equal(answer.status, 403)
    assert.equal(await rowCount('instances'), 0)
  })

  async function rowCount(table: 'instances'): Promise<number> {
    return (await api.db.selectFrom(table).select('slug').where('slug', '=', 'stolen').execute()).length
  }

  it('pages carry a strict Content-Security-Policy, and load nothing from elsewhere', async () => {
    const cookie = await login('admin')
    for (const path of ['/login', '/', '/overview', '/cloud/new?provider=google_drive', '/settings']) {
      const answer = await get(path, cookie)
      const text = await answer.text()
      const csp = answer.headers.get('content-security-policy') ?? ''
      assert.match(csp, /default-src 'none'; script-src 'self'; style-src 'self'/)
      assert.ok(!csp.includes('unsafe'))
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.ok(!/<script(?![^>]+src=)|\sstyle=|\son[a-z]+=/.test(text), path)
      for (const [, address = ''] of text.matchAll(/(?:src|href|action)="([^"]*)"/g)) {
        assert.ok(/^[/#]/.test(address), `${path}: ${address}`)
      }
    }
  })

  it('assets are compressed and kept by browsers, and an unknown one is not there', async () => {
    const page = await (await get('/login')).text()
    const paths = [...page.matchAll(/\/assets\/[a-z]+-[0-9a-f]+\.[a-z]+/g)].map(([path]) => path)
    assert.equal(paths.length, 4)
    for (const path of paths) {
      const answer = await get(path, { 'accept-encoding': 'gzip' })
      assert.equal(answer.headers.get('content-encoding'), 'gzip')
      assert.match(answer.headers.get('cache-control') ?? '', /immutable/)
      assert.ok(gunzipSync(Buffer.from(await answer.arrayBuffer())).byteLength > 0)
    }
    assert.equal((await get('/assets/style-000000000000.css')).status, 404)
  })

  it('what people typed is shown as text', async () => {
    const cookie = await login('admin')
    const name = '<script>alert(1)</script>'
    const answer = await post('/instances/new', { slug: 'escaped', name }, cookie)
    assert.equal(answer.status, 303)
    const text = await (await get('/instances/escaped', cookie)).text()
    assert.ok(!text.includes(name))
    assert.ok(text.includes('&lt;script&gt;'))
  })

  it('an account never comes back with its secret, neither saved nor refused', async () => {
    const cookie = await login('admin')
    const secret = 'sl.secret-access-token'
    const account = await createAccount(api.db, testVault, {
      name: randomName('Dropbox'),
      provider: 'dropbox',
      credentials: { access_token: secret },
    })
    assert.ok(!(await (await get(`/cloud/${account.id}`, cookie)).text()).includes(secret))
    const fields = { name: '', token_kind: 'access_token', access_token: secret }
    const refused = await post('/cloud/new?provider=dropbox', fields, cookie)
    assert.equal(refused.status, 422)
    const text = await refused.text()
    assert.ok(!text.includes(secret))
    assert.match(text, /id="name-fault"/)
  })

  it('the folder of a Google Drive account may be given by its address', async () => {
    const cookie = await login('admin')
    const name = randomName('Drive')
    const key = {
      type: 'service_account',
      client_email: 'backup@example.iam.gserviceaccount.com',
      private_key: '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n',
    }
    const fields = {
      name,
      credentials_json: JSON.stringify(key),
      folder_id: ' https://drive.google.com/drive/u/1/folders/1AbC-dEf_9?usp=sharing ',
    }
    assert.equal((await post('/cloud/new?provider=google_drive', fields, cookie)).status, 303)
    const saved = await api.db
      .selectFrom('cloud_accounts')
      .select(['settings', 'credentials_hint'])
      .where('name', '=', name)
      .executeTakeFirstOrThrow()
    assert.deepEqual(saved.settings, { folder_id: '1AbC-dEf_9' })
    assert.equal(saved.credentials_hint, key.client_email)
  })

  it('a viewer sees everything and can change nothing', async () => {
    const cookie = await login('viewer')
    const account = await someAccount(api.db)
    const { slug } = await someInstance(api.db)
    await createBinding(api.db, { instance_slug: slug, account_id: account.id })
    const run = await someRun(api.db)
    for (const path of [
      '/',
      '/overview',
      '/instances',
      `/instances/${slug}`,
      '/cloud',
      `/cloud/${account.id}`,
      `/runs/${run.id}`,
      '/audit',
      '/settings',
    ]) {
      const answer = await get(path, cookie)
      assert.equal(answer.status, 200, path)
      const actions = [...(await answer.text()).matchAll(/method="post" action="([^"]*)"/g)].map(
        ([, action]) => action,
      )
      assert.deepEqual(actions, ['/logout'], path)
    }
    for (const path of ['/cloud/new', '/instances/new', `/instances/${slug}/bindings/new`]) {
      assert.equal((await get(path, cookie)).status, 403, path)
    }
    for (const path of [
      `/instances/${slug}/delete`,
      `/cloud/${account.id}/delete`,
      `/runs/${run.id}/reupload`,
    ]) {
      assert.equal((await post(path, {}, cookie)).status >= 400, true, path)
    }
    const tested = await post('/cloud/test?provider=dropbox', { access_token: 'x' }, cookie)
    assert.equal(tested.status, 403)
  })

  it('filters that make no sense are refused with a page', async () => {
    const cookie = await login('viewer')
    for (const path of [
      '/?status=lost',
      '/?cursor=x',
      '/audit?event=nothing',
      '/instances?cursor=%00',
      '/?q=%00',
    ]) {
      const answer = await get(path, cookie)
      assert.equal(answer.status, 422, path)
      assert.match(answer.headers.get('content-type') ?? '', /^text\/html/)
    }
  })

  it('a part that htmx asks for goes to the login or says what is wrong', async () => {
    const htmx = { 'hx-request': 'true' }
    const out = await get('/overview', htmx)
    assert.equal(out.headers.get('hx-redirect'), '/login')
    const answer = await get('/runs/nothing', { ...htmx, ...(await login('viewer')) })
    assert.equal(answer.status, 404)
    assert.equal(answer.headers.get('hx-retarget'), '#messages')
  })

  it('a search finds runs by any part of their names, and a percent sign is only that', async () => {
    const authorization = { authorization: `Bearer ${TOKEN}` }
    const run = await someRun(api.db, randomName('needle'))
    assert.ok(
      (await (await get(`/?q=${run.id.slice(2).toUpperCase()}`, authorization)).text()).includes(
        `run-${run.id}`,
      ),
    )
    assert.ok(!(await (await get('/?q=%25', authorization)).text()).includes(`run-${run.id}`))
  })
})
