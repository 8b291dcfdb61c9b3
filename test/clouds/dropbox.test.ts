// The emulated Dropbox refuses what the real one refuses (docs/providers.md, 2.7), asked by bare requests.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { createHttpClient, type HttpBody } from '../../activities/http/client.ts'
import { createTestAuthority, trustHere } from './certificates.ts'
import { type DropboxEmulator, type DropboxOptions, startDropboxEmulator } from './dropbox/index.ts'

const BLOCK = 4_194_304
const authority = await createTestAuthority()
trustHere(authority)
const http = createHttpClient()
const clouds: DropboxEmulator[] = []
after(async () => {
  http.close()
  for (const cloud of clouds) await cloud.close()
})

type Reply = { readonly status: number; readonly json: Record<string, unknown>; readonly text: string }

async function ask(url: string, headers: Record<string, string>, body?: HttpBody): Promise<Reply> {
  const answer = await http.request({ method: 'POST', url, headers, body })
  const text = answer.body.toString()
  const isJson = answer.headers['content-type']?.startsWith('application/json') === true
  const json: unknown = isJson ? JSON.parse(text) : null
  const fields = typeof json === 'object' && json !== null ? Object.fromEntries(Object.entries(json)) : {}
  return { status: answer.status, json: fields, text }
}

async function start(options: DropboxOptions = {}) {
  const cloud = await startDropboxEmulator(authority, options)
  clouds.push(cloud)
  const token = String(cloud.accessTokenCredentials().access_token)
  const { origin } = cloud.server
  const authorization = { Authorization: `Bearer ${token}` }
  const rpc = (route: string, arg: unknown, headers: Record<string, string> = {}) =>
    ask(
      `${origin}/2/${route}`,
      { ...authorization, 'Content-Type': 'application/json', ...headers },
      JSON.stringify(arg),
    )
  const content = (route: string, arg: unknown, body: Buffer = Buffer.alloc(0)) =>
    ask(
      `${origin}/2/${route}`,
      {
        ...authorization,
        'Content-Type': 'application/octet-stream',
        'Dropbox-API-Arg': JSON.stringify(arg),
      },
      body,
    )
  const session = async (kind: string) => {
    const started = await content('files/upload_session/start', { session_type: { '.tag': kind } })
    return String(started.json.session_id)
  }
  const append = (id: string, offset: number, body: Buffer, close = false, content_hash?: string) =>
    content(
      'files/upload_session/append_v2',
      { cursor: { session_id: id, offset }, close, content_hash },
      body,
    )
  const finish = (id: string, offset: number, path: string, more: Record<string, unknown> = {}) =>
    content('files/upload_session/finish', {
      cursor: { session_id: id, offset },
      commit: { path, mode: 'add', autorename: false, ...more },
    })
  return { cloud, origin, authorization, rpc, content, session, append, finish }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

describe('the emulated token endpoint', () => {
  it('takes the refresh grant in the body and in the query, and refuses wrong ones with 400', async () => {
    const { cloud, origin } = await start()
    const { refresh_token, app_key, app_secret } = cloud.credentials
    const grant = (change: Record<string, string> = {}) =>
      new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: String(refresh_token),
        client_id: String(app_key),
        client_secret: String(app_secret),
        ...change,
      }).toString()
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const inBody = await ask(`${origin}/oauth2/token`, form, grant())
    assert.equal(inBody.status, 200)
    assert.equal(inBody.json.expires_in, 14_400)
    assert.equal(inBody.json.refresh_token, undefined)
    assert.equal((await ask(`${origin}/oauth2/token?${grant()}`, {})).status, 200)
    for (const [change, error] of [
      [{ refresh_token: 'x' }, 'invalid_grant'],
      [{ client_id: 'x' }, 'invalid_client'],
      [{ client_secret: 'x' }, 'invalid_client'],
      [{ grant_type: 'password' }, 'unsupported_grant_type'],
    ] as const) {
      const refused = await ask(`${origin}/oauth2/token`, form, grant(change))
      assert.equal(refused.status, 400)
      assert.equal(refused.json.error, error)
    }
  })

  it('ends access tokens after their life', async () => {
    const { rpc } = await start({ tokenLifeSeconds: 0 })
    const refused = await rpc('files/get_metadata', { path: '/x' })
    assert.equal(refused.status, 401)
    assert.match(refused.text, /expired_access_token/)
  })
})

describe('the emulated call styles', () => {
  it('refuse malformed calls with plain text', async () => {
    const { origin, authorization, rpc } = await start()
    const url = `${origin}/2/files/upload_session/start`
    const octets = { 'Content-Type': 'application/octet-stream' }
    for (const [headers, body] of [
      [{ ...authorization, ...octets }, 'x'],
      [{ ...authorization, 'Dropbox-API-Arg': '{}' }, 'x'],
      [{ ...authorization, ...octets, 'Dropbox-API-Arg': '{"pa' }, ''],
      [{ ...authorization, ...octets, 'Dropbox-API-Arg': '{"x":"\u00fc"}' }, ''],
      [{ ...octets, 'Dropbox-API-Arg': '{}' }, ''],
      [{ ...octets, 'Dropbox-API-Arg': '{}', Authorization: 'Bearer nonsense' }, ''],
    ] as const) {
      const refused = await ask(url, headers, body)
      assert.equal(refused.status, 400)
      assert.deepEqual(refused.json, {})
    }
    assert.equal((await rpc('users/get_current_account', {})).status, 400)
    assert.equal((await rpc('users/get_current_account', null)).status, 200)
    assert.equal((await ask(`${origin}/2/users/get_current_account`, authorization)).status, 200)
    assert.equal((await rpc('files/list_folder', { path: '', nonsense: 1 })).status, 400)
    assert.equal((await rpc('files/unknown', {})).status, 404)
  })

  it("keep Dropbox's two hosts apart", async () => {
    const { rpc } = await start()
    assert.equal(
      (await rpc('files/list_folder', { path: '' }, { Host: 'content.dropboxapi.com' })).status,
      400,
    )
    assert.equal((await rpc('files/list_folder', { path: '' }, { Host: 'api.dropboxapi.com' })).status, 200)
  })
})

describe('emulated sequential sessions', () => {
  it('correct a wrong offset, at append and at finish, and answer an empty append', async () => {
    const { session, append, finish, cloud } = await start()
    const id = await session('sequential')
    assert.equal((await append(id, 0, Buffer.from('abc'))).text, 'null')
    assert.equal((await append(id, 3, Buffer.alloc(0))).status, 200)
    const wrong = await append(id, 0, Buffer.from('abc'))
    assert.equal(wrong.status, 409)
    assert.deepEqual(wrong.json.error, { '.tag': 'incorrect_offset', correct_offset: 3 })
    const early = await finish(id, 2, '/x.zip')
    assert.deepEqual(early.json.error, {
      '.tag': 'lookup_failed',
      lookup_failed: { '.tag': 'incorrect_offset', correct_offset: 3 },
    })
    const done = await finish(id, 3, '/x.zip')
    assert.equal(done.json.content_hash, sha256(sha256(Buffer.from('abc'))).toString('hex'))
    assert.equal(cloud.openSessions(), 0)
  })

  it('verify the content_hash of a call and keep nothing of what differs', async () => {
    const { session, append } = await start()
    const id = await session('sequential')
    const refused = await append(id, 0, Buffer.from('abc'), false, '0'.repeat(64))
    assert.match(refused.text, /content_hash_mismatch/)
    const hash = sha256(sha256(Buffer.from('abc'))).toString('hex')
    assert.equal((await append(id, 0, Buffer.from('abc'), false, hash)).status, 200)
  })

  it('end after their life', async () => {
    const { session, append, finish } = await start({ sessionLifeMs: -1 })
    const id = await session('sequential')
    assert.match((await append(id, 0, Buffer.from('abc'))).text, /"not_found\//)
    assert.match((await finish(id, 3, '/x.zip')).text, /"lookup_failed\/not_found\//)
  })

  it('keep the data when the path is refused', async () => {
    const { session, append, finish, cloud } = await start()
    cloud.putFile('/x.zip', Buffer.from('other'))
    const id = await session('sequential')
    await append(id, 0, Buffer.from('abc'))
    assert.match((await finish(id, 3, '/X.ZIP')).text, /"path\/conflict\/file\//)
    assert.match((await finish(id, 3, '/thumbs.db')).text, /"path\/disallowed_name\//)
    assert.equal((await finish(id, 3, '/y.zip')).status, 200)
  })
})

describe('emulated concurrent sessions', () => {
  it('take whole blocks in any order and the closing piece', async () => {
    const { session, append, finish } = await start()
    const id = await session('concurrent')
    const parts = [Buffer.alloc(BLOCK, 1), Buffer.alloc(BLOCK, 2), Buffer.from('tail')] as const
    assert.equal((await append(id, BLOCK, parts[1])).status, 200)
    assert.equal((await append(id, 0, parts[0])).status, 200)
    assert.match((await finish(id, 2 * BLOCK + 4, '/x.zip')).text, /"concurrent_session_not_closed\//)
    assert.equal((await append(id, 2 * BLOCK, parts[2], true)).status, 200)
    assert.match((await append(id, 3 * BLOCK, parts[0])).text, /"closed\//)
    const done = await finish(id, 2 * BLOCK + 4, '/x.zip')
    assert.equal(done.json.content_hash, sha256(Buffer.concat(parts.map(sha256))).toString('hex'))
  })

  it('refuse odd offsets, odd sizes, data at the start, and holes', async () => {
    const { session, append, finish, content } = await start()
    const id = await session('concurrent')
    assert.match((await append(id, 5, Buffer.alloc(BLOCK))).text, /concurrent_session_invalid_offset/)
    assert.match((await append(id, 0, Buffer.alloc(5))).text, /concurrent_session_invalid_data_size/)
    const begun = await content(
      'files/upload_session/start',
      { session_type: 'concurrent' },
      Buffer.from('x'),
    )
    assert.match(begun.text, /concurrent_session_data_not_allowed/)
    await append(id, BLOCK, Buffer.from('tail'), true)
    assert.match((await finish(id, BLOCK + 4, '/x.zip')).text, /concurrent_session_missing_data/)
  })

  it('take a chunk twice or refuse it, as switched', async () => {
    for (const [resentChunk, status] of [
      ['accept', 200],
      ['refuse', 409],
    ] as const) {
      const { session, append } = await start({ resentChunk })
      const id = await session('concurrent')
      await append(id, 0, Buffer.alloc(BLOCK))
      assert.equal((await append(id, 0, Buffer.alloc(BLOCK))).status, status)
    }
  })
})

describe('the emulated finish', () => {
  it('answers a second time as switched', async () => {
    for (const refinish of ['metadata', 'not_found', 'closed'] as const) {
      const { session, append, finish, cloud } = await start({ refinish })
      const id = await session('sequential')
      await append(id, 0, Buffer.from('abc'))
      await finish(id, 3, '/x.zip')
      const again = await finish(id, 3, '/x.zip')
      if (refinish === 'metadata') assert.equal(again.json.id, cloud.files()[0]?.id)
      else assert.ok(again.text.includes(`lookup_failed/${refinish}`), again.text)
      assert.equal(cloud.files().length, 1)
    }
  })

  it('takes identical content as no conflict unless it is strict, and renames only when told to', async () => {
    const { session, append, finish, cloud } = await start()
    const put = async (text: string, more: Record<string, unknown> = {}) => {
      const id = await session('sequential')
      await append(id, 0, Buffer.from(text))
      return finish(id, text.length, '/x.zip', more)
    }
    const first = await put('abc')
    assert.equal((await put('abc')).json.rev, first.json.rev)
    assert.match((await put('abc', { strict_conflict: true })).text, /path\/conflict\/file/)
    assert.match((await put('abd')).text, /path\/conflict\/file/)
    assert.equal((await put('abd', { autorename: true })).json.name, 'x (1).zip')
    assert.equal(cloud.files().length, 2)
  })

  it('is refused while another write goes on', async () => {
    const { content } = await start({ commitMs: 40 })
    const put = (name: string) => content('files/upload', { path: `/${name}` }, Buffer.from(name))
    const replies = await Promise.all([put('a.zip'), put('b.zip')])
    assert.deepEqual(replies.map((reply) => reply.status).toSorted(), [200, 409])
    assert.ok(replies.some((reply) => reply.text.includes('too_many_write_operations')))
  })

  it('is refused when the space is used up', async () => {
    const { content } = await start({ quotaBytes: 5 })
    const refused = await content('files/upload', { path: '/a.zip' }, Buffer.from('123456'))
    assert.match(refused.text, /"reason":\{"\.tag":"insufficient_space"\}/)
    assert.equal((await content('files/upload', { path: '/a.zip' }, Buffer.from('12345'))).status, 200)
  })
})

describe('emulated files and folders', () => {
  it('list page by page, also deeper, and never the root as a slash', async () => {
    const { rpc, cloud } = await start({ pageSize: 2 })
    for (const name of ['a', 'b', 'c', 'sub/d']) cloud.putFile(`/f/${name}.zip`, Buffer.from(name))
    const first = await rpc('files/list_folder', { path: '/F' })
    assert.equal(first.json.has_more, true)
    const second = await rpc('files/list_folder/continue', { cursor: first.json.cursor })
    assert.equal(second.json.has_more, false)
    const entries = [first, second].flatMap((reply) =>
      Array.isArray(reply.json.entries) ? reply.json.entries : [],
    )
    assert.equal(entries.length, 4)
    assert.match((await rpc('files/list_folder', { path: '/' })).text, /malformed_path/)
    assert.match((await rpc('files/list_folder', { path: '/none' })).text, /"path\/not_found\//)
    assert.match((await rpc('files/get_metadata', { path: '' })).text, /malformed_path/)
  })

  it('delete by ID and only the revision that is asked for', async () => {
    const { rpc, cloud } = await start()
    const { id } = cloud.putFile('/f/a.zip', Buffer.from('a'))
    assert.match((await rpc('files/delete_v2', { path: id, parent_rev: 'abc' })).text, /path_write\/conflict/)
    const { rev } = (await rpc('files/get_metadata', { path: id })).json
    assert.equal((await rpc('files/delete_v2', { path: id, parent_rev: rev })).status, 200)
    assert.match((await rpc('files/delete_v2', { path: id })).text, /path_lookup\/not_found/)
  })

  it('close the top of a team space, and honour the path root', async () => {
    const { rpc, cloud } = await start({ space: 'team' })
    const account = await rpc('users/get_current_account', null)
    assert.match(account.text, /"root_namespace_id":"2000","home_namespace_id":"1000"/)
    const root = { 'Dropbox-API-Path-Root': '{".tag":"root","root":"2000"}' }
    assert.match((await rpc('files/create_folder_v2', { path: '/new' }, root)).text, /no_write_permission/)
    assert.equal((await rpc('files/create_folder_v2', { path: '/new' })).status, 200)
    assert.equal((await rpc('files/get_metadata', { path: '/Jane Doe/new' }, root)).status, 200)
    const wrong = { 'Dropbox-API-Path-Root': '{".tag":"root","root":"9"}' }
    assert.equal((await rpc('files/get_metadata', { path: '/x' }, wrong)).status, 422)
    cloud.putFile('/Team Backups/t.zip', Buffer.from('t'))
    assert.equal((await rpc('files/get_metadata', { path: '/Team Backups/t.zip' }, root)).status, 200)
    assert.equal((await rpc('files/get_metadata', { path: '/Team Backups/t.zip' })).status, 409)
  })

  it('refuse what the token has no scope for', async () => {
    const { rpc } = await start({ scopes: ['account_info.read'] })
    const refused = await rpc('files/list_folder', { path: '' })
    assert.equal(refused.status, 401)
    assert.deepEqual(refused.json.error, { '.tag': 'missing_scope', required_scope: 'files.metadata.read' })
  })

  it('hash without keeping contents, to the same result', async () => {
    const bytes = Buffer.alloc(2 * BLOCK + 3, 5)
    const hashes: unknown[] = []
    for (const keepContent of [true, false]) {
      const { cloud, session, append, finish } = await start({ keepContent })
      const id = await session('concurrent')
      await append(id, 0, bytes.subarray(0, 2 * BLOCK))
      await append(id, 2 * BLOCK, bytes.subarray(2 * BLOCK), true)
      hashes.push((await finish(id, bytes.byteLength, '/x.zip')).json.content_hash)
      assert.equal(cloud.files()[0]?.content === null, !keepContent)
    }
    assert.equal(hashes[0], hashes[1])
  })
})
