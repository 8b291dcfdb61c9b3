// Forms and words of the pages, without a browser: what was typed comes back with the fault at its field, refusals say who
// may do what, and names stand where IDs would say nothing.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashPassword } from '../../api/access/passwords.ts'
import { createUser } from '../../db/access/users.ts'
import { createAccount } from '../../db/accounts/accounts.ts'
import { appendAudit } from '../../db/audit.ts'
import { databaseNow } from '../../db/database-server.ts'
import { createBinding } from '../../db/instances/bindings.ts'
import type { UserRole } from '../../db/schema.ts'
import { saveAccountCheck } from '../../db/views/accounts.ts'
import { type ApiFixture, createApiFixture } from '../api/fixture.ts'
import { randomName, someInstance, someRun, testVault } from '../support/rows.ts'

const PASSWORD = 'four seagulls above'

type Fields = Readonly<Record<string, string | readonly string[]>>

describe('forms of the pages', () => {
  let api: ApiFixture
  let admin: string
  before(async () => {
    api = await createApiFixture()
    admin = await login(randomName('admin'), 'admin')
  })
  after(() => api.close())

  function get(path: string, cookie = admin): Promise<Response> {
    return Promise.resolve(api.app.request(path, { headers: { accept: 'text/html', cookie } }))
  }

  function post(path: string, fields: Fields, cookie = admin): Promise<Response> {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) body.append(name, one)
    }
    return Promise.resolve(
      api.app.request(path, {
        method: 'POST',
        headers: {
          accept: 'text/html',
          'content-type': 'application/x-www-form-urlencoded',
          'sec-fetch-site': 'same-origin',
          cookie,
        },
        body: body.toString(),
      }),
    )
  }

  async function login(username: string, role: UserRole): Promise<string> {
    await createUser(api.db, { username, password_hash: await hashPassword(PASSWORD), role })
    const answer = await post('/login', { username, password: PASSWORD }, '')
    return answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  }

  const refused = async (path: string, fields: Fields): Promise<string> => {
    const answer = await post(path, fields)
    assert.equal(answer.status, 422)
    return answer.text()
  }

  it('Add user keeps the name and the role', async () => {
    const text = await refused('/settings/users', { username: 'vera m', role: 'operator', password: 'x' })
    assert.match(text, /name="username"[^>]*value="vera m"/)
    assert.match(text, /<option value="operator" selected>/)
    assert.match(text, /id="username-fault">This must be letters/)
  })

  it('Make token keeps the name, the ticks and the day, and says what each scope means', async () => {
    const fields = { name: 'a/b', scopes: ['read', 'config:write'], expires_at: '2001-02-03' }
    const text = await refused('/settings/tokens', fields)
    assert.match(text, /name="name"[^>]*value="a\/b"/)
    assert.match(text, /id="name-fault">This must be letters/)
    assert.match(text, /id="expires_at-fault">This must be in the future\./)
    assert.match(text, /value="2001-02-03"/)
    const ticked = [...text.matchAll(/name="scopes" value="([^"]*)" (checked)?/g)].flatMap(
      ([, scope, isOn]) => (isOn === undefined ? [] : [scope]),
    )
    assert.deepEqual(ticked, ['read', 'config:write'])
    assert.match(text, /hand over backups, re-upload and cancel, check accounts <code>runs:write<\/code>/)
  })

  it('an instance name that is too long stays in the form, with its fault beside it', async () => {
    const { slug } = await someInstance(api.db)
    const name = 'x'.repeat(201)
    const text = await refused(`/instances/${slug}`, { name })
    assert.ok(text.includes(`value="${name}"`))
    assert.match(text, /id="name-fault">This must have at most 200 characters\./)
    assert.doesNotMatch(text, /id="messages"[^>]*><div/)
  })

  it('an instance with history cannot be deleted, one without is named in the question', async () => {
    const run = await someRun(api.db)
    const used = await (await get(`/instances/${run.instance_slug}`)).text()
    assert.match(used, /data-confirm="Delete [^"]*\?" disabled>/)
    assert.match(used, /It has runs, whose history is kept/)
    const { slug, name } = await someInstance(api.db)
    const free = await (await get(`/instances/${slug}`)).text()
    assert.ok(free.includes(`data-confirm="Delete ${name}?" >`))
  })

  async function bound(settings: Record<string, unknown> = {}) {
    const account = await createAccount(api.db, testVault, {
      name: randomName('Büro'),
      provider: 'dropbox',
      credentials: { access_token: 'x' },
      settings,
    })
    const { slug, name } = await someInstance(api.db)
    const binding = await createBinding(api.db, { instance_slug: slug, account_id: account.id })
    return { account, slug, name, binding }
  }

  it('Pause names what is paused, and a foreign link cannot make it say anything else', async () => {
    const { account, slug, name, binding } = await bound()
    const answer = await post(`/instances/${slug}/bindings/${binding.id}/enabled`, { enabled: 'false' })
    const text = await (await get(answer.headers.get('location') ?? '')).text()
    assert.ok(text.includes(`${account.name} is paused for ${name}.`))
    const foreign = await (await get(`/instances/${slug}?done=binding_paused&binding=other`)).text()
    assert.doesNotMatch(foreign, /is paused for/)
  })

  it('Instance Detail shows the whole path at the provider', async () => {
    const { slug } = await bound({ remote_path: '/company' })
    assert.ok((await (await get(`/instances/${slug}`)).text()).includes(`/company/odoo-backups/${slug}/`))
  })

  it('the preview warns of odoo-backups in odoo-backups', async () => {
    const { slug, binding } = await bound({ remote_path: '/odoo-backups/' })
    const path = `/instances/${slug}/bindings/${binding.id}`
    const text = await (await get(path)).text()
    assert.ok(text.includes(`/odoo-backups/odoo-backups/${slug}/`))
    assert.match(text, /ends in odoo-backups already/)
    const other = await (await get(`${path}?remote_path=%2F%7Binstance_slug%7D%2F`)).text()
    assert.doesNotMatch(other, /ends in odoo-backups already/)
  })

  it('a number of copies that is no number is refused in words for people', async () => {
    const { slug, binding } = await bound()
    const path = `/instances/${slug}/bindings/${binding.id}`
    const text = await refused(path, { remote_path: '/x/{instance_slug}/', keep_last: '0' })
    assert.match(text, /id="keep_last-fault">This must be at least 1, or empty to keep all\./)
    const preview = await (await get(`${path}?remote_path=%2Fx%2F&keep_last=1.5`)).text()
    assert.match(preview, /Keep last must be a whole number of at least 1, or empty to keep all\./)
  })

  it('an upload after a failed check shows that the account works', async () => {
    const { account, binding } = await bound()
    const run = await someRun(api.db, randomName('run'))
    const error = { code: 'network_unreachable', message: 'No way to Dropbox.' }
    await saveAccountCheck(api.db, account.id, { ok: false, detail: '', space: null, error })
    const page = async () => (await get(`/cloud/${account.id}`)).text()
    assert.match(await page(), /does not work/)
    const finished_at = new Date((await databaseNow(api.db)) + 1_000).toISOString()
    await api.db
      .insertInto('destinations')
      .values({
        run_id: run.id,
        account_id: account.id,
        account: account.name,
        provider: 'dropbox',
        binding_id: binding.id,
        status: 'uploaded',
        remote_id: 'file-1',
        remote_path: '/x.dump',
        size: 1,
        bytes_sent: 1,
        attempt: 1,
        hash: JSON.stringify({ algorithm: 'sha256', value: 'x' }),
        finished_at,
      })
      .execute()
    const text = await page()
    assert.doesNotMatch(text, /does not work|No way to Dropbox/)
    assert.match(text, /the upload after it worked/)
  })

  it('the audit names accounts and instances and is searched by their names, also after they are deleted', async () => {
    const { account, slug, binding } = await bound()
    const entry = { event: 'upload_verified', account_id: account.id, instance_slug: slug } as const
    await appendAudit(api.db, { actor: 'workflow', ...entry, details: { size: 1 } })
    const search = async () =>
      (await get(`/audit?q=${encodeURIComponent(account.name.toUpperCase())}`)).text()
    const text = await search()
    assert.match(text, /upload verified/)
    assert.ok(text.includes(`<dd>${account.name}</dd>`))
    await post(`/instances/${slug}/bindings/${binding.id}/delete`, {})
    await post(`/cloud/${account.id}/delete`, {})
    const all = await (await get(`/audit?account_id=${account.id}&event=upload_verified`)).text()
    assert.ok(all.includes(`<dd>${account.name}</dd>`))
  })

  it('a refused person is told who may do it, and who they are', async () => {
    const vera = randomName('vera')
    const text = await (await get('/instances/new', await login(vera, 'viewer'))).text()
    assert.ok(text.includes(`Only administrators may change this. You are signed in as ${vera} (viewer).`))
    const olaf = randomName('olaf')
    const other = await (await get('/cloud/new', await login(olaf, 'operator'))).text()
    assert.ok(other.includes(`You are signed in as ${olaf} (operator).`))
  })

  it('the login leads to the wanted page after the first password was changed', async () => {
    const username = randomName('new')
    const password_hash = await hashPassword(PASSWORD)
    await createUser(api.db, { username, password_hash, role: 'viewer', must_change_password: true })
    const login = await post('/login', { username, password: PASSWORD, next: '/audit?q=a' }, '')
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    assert.equal(login.headers.get('location'), '/audit?q=a')
    const stopped = await get('/audit?q=a', cookie)
    const address = stopped.headers.get('location') ?? ''
    assert.equal(address, '/password?next=%2Faudit%3Fq%3Da')
    const form = { current_password: PASSWORD, new_password: 'five seagulls above', next: '/audit?q=a' }
    const differing = await post('/password', { ...form, repeated_password: 'x' }, cookie)
    const text = await differing.text()
    assert.match(text, /The two new passwords differ\./)
    assert.match(text, /name="next" value="\/audit\?q=a"/)
    const done = await post('/password', { ...form, repeated_password: form.new_password }, cookie)
    assert.equal(done.headers.get('location'), '/audit?q=a')
  })

  it('a tab whose login has ended is not sent away when it asks whether uploads stand still', async () => {
    const answer = await api.app.request('/live/standstill', { headers: { 'hx-request': 'true' } })
    assert.equal(answer.status, 286)
    assert.equal(answer.headers.get('hx-redirect'), null)
  })

  it('the overview says when no worker asks for work', async () => {
    const text = await (await get('/overview')).text()
    assert.match(text, /Uploads stand still:<\/strong> no worker asks Temporal for work/)
    const live = await (await get('/live/standstill')).text()
    const [, shown = ''] = /name="shown" value="([^"]*)"/.exec(live) ?? []
    assert.equal((await get(`/live/standstill?shown=${encodeURIComponent(shown)}`)).status, 204)
  })
})
