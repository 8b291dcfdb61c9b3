import assert from 'node:assert/strict'
import https from 'node:https'
import { after, describe, it } from 'node:test'
import { z } from 'zod'
import { createHttpClient, type HttpAnswer, type HttpRequest } from '../../activities/http/client.ts'
import { createTestAuthority, trustHere } from './certificates.ts'
import { type MicrosoftDouble, type MicrosoftOptions, startMicrosoftEmulator } from './microsoft/index.ts'

const UNIT = 320 * 1024
const authority = await createTestAuthority()
trustHere(authority)
const http = createHttpClient()
const clouds: MicrosoftDouble[] = []
after(async () => {
  http.close()
  for (const cloud of clouds) await cloud.close()
})

type Caller = {
  readonly cloud: MicrosoftDouble
  graph(
    method: HttpRequest['method'],
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<HttpAnswer>
}

async function start(options: MicrosoftOptions = {}): Promise<Caller> {
  const cloud = await startMicrosoftEmulator(authority, options)
  clouds.push(cloud)
  const token = await tokenOf(cloud)
  return {
    cloud,
    graph: (method, path, body, headers) =>
      http.request({
        method,
        url: `${cloud.server.origin}/v1.0${path}`,
        headers: { Authorization: `Bearer ${token}`, ...headers },
        body: body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      }),
  }
}

function signIn(
  cloud: MicrosoftDouble,
  change: Record<string, string> = {},
  tenant = cloud.application.tenantId,
): Promise<HttpAnswer> {
  const form = {
    grant_type: 'client_credentials',
    client_id: cloud.application.clientId,
    client_secret: cloud.application.secret,
    scope: 'https://graph.microsoft.com/.default',
    ...change,
  }
  const url = `${cloud.server.origin}/${tenant}/oauth2/v2.0/token`
  return http.request({ method: 'POST', url, body: new URLSearchParams(form).toString() })
}

async function tokenOf(cloud: MicrosoftDouble): Promise<string> {
  return z.object({ access_token: z.string() }).parse(json(await signIn(cloud))).access_token
}

function json(answer: HttpAnswer): unknown {
  return JSON.parse(answer.body.toString())
}

const failure = z.object({
  error: z.object({
    code: z.string(),
    innerError: z.unknown().optional(),
    innererror: z.unknown().optional(),
  }),
})

function errorOf(answer: HttpAnswer): string {
  const { code, innerError, innererror } = failure.parse(json(answer)).error
  const inner = z.object({ code: z.string() }).safeParse(innerError ?? innererror).data?.code
  return [answer.status, code, ...(inner === undefined ? [] : [inner])].join(' ')
}

async function open(
  { cloud, graph }: Caller,
  name: string,
  item: Record<string, unknown> = {},
): Promise<string> {
  const answer = await graph('POST', `/drives/${cloud.driveId}/root:/${name}:/createUploadSession`, { item })
  assert.equal(answer.status, 200, answer.body.toString())
  return z
    .object({ uploadUrl: z.string(), nextExpectedRanges: z.tuple([z.literal('0-')]) })
    .parse(json(answer)).uploadUrl
}

function put(
  url: string,
  start: number,
  bytes: number,
  size: number,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const range = `bytes ${start}-${start + bytes - 1}/${size}`
  return http.request({
    method: 'PUT',
    url,
    headers: { 'Content-Range': range, ...headers },
    body: Buffer.alloc(bytes, 1),
  })
}

async function next(url: string): Promise<string | undefined> {
  const answer = await http.request({ method: 'GET', url })
  return z.object({ nextExpectedRanges: z.array(z.string()) }).parse(json(answer)).nextExpectedRanges[0]
}

describe('The emulated Entra', () => {
  it('gives a token to the right application only', async () => {
    const { cloud } = await start()
    const refused = async (change: Record<string, string>, tenant?: string) => {
      const answer = await signIn(cloud, change, tenant)
      const body = z
        .object({ error: z.string(), error_codes: z.array(z.number()), error_description: z.string() })
        .parse(json(answer))
      assert.match(body.error_description, new RegExp(`^AADSTS${body.error_codes[0]}: `))
      return `${answer.status} ${body.error} ${body.error_codes[0]}`
    }
    assert.equal(await refused({ client_secret: 'wrong' }), '401 invalid_client 7000215')
    assert.equal(await refused({ client_id: 'wrong' }), '400 unauthorized_client 700016')
    assert.equal(
      await refused({ scope: 'https://graph.microsoft.com/Files.ReadWrite.All' }),
      '400 invalid_scope 1002012',
    )
    assert.equal(await refused({ scope: 'https://example.net/.default' }), '400 invalid_resource 500011')
    assert.equal(await refused({ grant_type: 'password' }), '400 unsupported_grant_type 70003')
    assert.equal(await refused({}, 'nobody.example'), '400 invalid_request 90002')
    assert.equal(await refused({}, 'nobody'), '400 invalid_request 900023')
    cloud.application.isSecretExpired = true
    assert.equal(await refused({}), '401 invalid_client 7000222')
  })

  it('names its token endpoint, and puts the roles into the token', async () => {
    const { cloud } = await start({ roles: ['Sites.Selected'] })
    const url = `${cloud.server.origin}/${cloud.application.tenantId}/v2.0/.well-known/openid-configuration`
    const found = z
      .object({ token_endpoint: z.url(), issuer: z.url() })
      .parse(json(await http.request({ method: 'GET', url })))
    assert.ok(found.token_endpoint.startsWith(cloud.server.origin))
    const payload = (await tokenOf(cloud)).split('.')[1] ?? ''
    assert.deepEqual(
      z.object({ roles: z.array(z.string()) }).parse(JSON.parse(Buffer.from(payload, 'base64url').toString()))
        .roles,
      ['Sites.Selected'],
    )
  })
})

describe('The emulated Graph', () => {
  it('refuses what has no living token, no role, or no person behind it', async () => {
    const { cloud, graph } = await start()
    const bare = await http.request({
      method: 'GET',
      url: `${cloud.server.origin}/v1.0/drives/${cloud.driveId}`,
    })
    assert.equal(errorOf(bare), '401 InvalidAuthenticationToken')
    assert.equal(errorOf(await graph('GET', '/me/drive')), '400 BadRequest')
    cloud.expireTokens()
    assert.equal(errorOf(await graph('GET', `/drives/${cloud.driveId}`)), '401 InvalidAuthenticationToken')
    const mute = await start({ roles: ['Mail.Send'] })
    assert.equal(errorOf(await mute.graph('GET', `/drives/${mute.cloud.driveId}`)), '403 accessDenied')
  })

  it('replaces a file by default in a simple PUT, and refuses on request', async () => {
    const { cloud, graph } = await start()
    const path = `/drives/${cloud.driveId}/root:/a.zip:/content`
    assert.equal((await graph('PUT', path, Buffer.from('one'))).status, 201)
    assert.equal((await graph('PUT', path, Buffer.from('two'))).status, 200)
    assert.equal(
      errorOf(await graph('PUT', `${path}?@microsoft.graph.conflictBehavior=fail`, Buffer.from('3'))),
      '409 nameAlreadyExists',
    )
    assert.equal(
      (await graph('PUT', `${path}?@microsoft.graph.conflictBehavior=rename`, Buffer.from('4'))).status,
      201,
    )
    assert.deepEqual(
      cloud.files().map((file) => file.path),
      ['/a.zip', '/a 1.zip'],
    )
    assert.equal(cloud.files()[0]?.content?.toString(), 'two')
  })

  it('refuses names and paths that SharePoint refuses', async () => {
    const { cloud, graph } = await start()
    for (const name of ['a%3Ab', '%20a', 'a.', '~a', 'CON', 'desktop.ini', 'x_vti_y', 'forms', 'a%7Cb']) {
      const answer = await graph('PUT', `/drives/${cloud.driveId}/root:/${name}:/content`, Buffer.from('x'))
      assert.equal(errorOf(answer), '400 invalidRequest invalidPath', name)
      const folder = await graph('POST', `/drives/${cloud.driveId}/root/children`, {
        name: decodeURIComponent(name),
        folder: {},
      })
      assert.equal(errorOf(folder), '400 invalidRequest invalidPath', name)
    }
    const long = await graph(
      'PUT',
      `/drives/${cloud.driveId}/root:/${'x'.repeat(401)}:/content`,
      Buffer.from('x'),
    )
    assert.equal(errorOf(long), '400 invalidRequest pathIsTooLong')
  })

  it('keeps deleted files in the recycle bin, where they count, and purged ones nowhere', async () => {
    const { cloud, graph } = await start()
    cloud.setQuota(100)
    const [a, b] = [cloud.putFile('/a.zip', Buffer.alloc(40)), cloud.putFile('/b.zip', Buffer.alloc(40))]
    const remaining = async () =>
      z
        .object({ quota: z.object({ remaining: z.number() }) })
        .parse(json(await graph('GET', `/drives/${cloud.driveId}`))).quota.remaining
    assert.equal((await graph('DELETE', `/drives/${cloud.driveId}/items/${a.id}`)).status, 204)
    assert.equal(await remaining(), 20)
    assert.equal((await graph('POST', `/drives/${cloud.driveId}/items/${b.id}/permanentDelete`)).status, 204)
    assert.equal(await remaining(), 60)
    assert.equal(errorOf(await graph('GET', `/drives/${cloud.driveId}/items/${a.id}`)), '404 itemNotFound')
    const item = { fileSize: 61 }
    assert.equal(
      errorOf(await graph('POST', `/drives/${cloud.driveId}/root:/c:/createUploadSession`, { item })),
      '507 insufficientStorage quotaLimitReached',
    )
  })

  it('changes or deletes a file only in the revision that If-Match names', async () => {
    const { cloud, graph } = await start()
    const file = cloud.putFile('/a.zip', Buffer.from('x'))
    const path = `/drives/${cloud.driveId}/items/${file.id}`
    assert.equal(
      errorOf(await graph('DELETE', path, undefined, { 'If-Match': '"{0},0"' })),
      '412 resourceModified',
    )
    const eTag = async () => z.object({ eTag: z.string() }).parse(json(await graph('GET', path))).eTag
    const before = await eTag()
    assert.equal((await graph('PATCH', path, { name: 'b.zip' }, { 'If-Match': before })).status, 200)
    assert.equal(
      errorOf(await graph('DELETE', path, undefined, { 'If-Match': before })),
      '412 resourceModified',
    )
    assert.equal((await graph('DELETE', path, undefined, { 'If-Match': await eTag() })).status, 204)
  })

  it('lists by pages with an address for the next', async () => {
    const { cloud, graph } = await start({ pageSize: 2 })
    for (const name of ['a', 'b', 'c']) cloud.putFile(`/${name}`, Buffer.from(name))
    const page = z.object({
      value: z.array(z.object({ name: z.string() })),
      '@odata.nextLink': z.url().optional(),
    })
    const first = page.parse(
      json(await graph('GET', `/drives/${cloud.driveId}/root/children?$top=200&$select=name`)),
    )
    assert.deepEqual(first.value, [{ name: 'a' }, { name: 'b' }])
    const path = (first['@odata.nextLink'] ?? '').slice(`${cloud.server.origin}/v1.0`.length)
    const second = page.parse(json(await graph('GET', path)))
    assert.deepEqual(second, { value: [{ name: 'c' }] })
  })
})

describe('An emulated upload session', () => {
  it('lies on another host, takes no token, and shows nothing before the last byte', async () => {
    const caller = await start()
    const url = await open(caller, 'a.zip')
    assert.notEqual(new URL(url).host, new URL(caller.cloud.server.origin).host)
    assert.equal(
      errorOf(await put(url, 0, UNIT, UNIT + 1, { Authorization: 'Bearer x' })),
      '401 unauthenticated',
    )
    assert.equal((await put(url, 0, UNIT, UNIT + 1)).status, 202)
    assert.equal(await next(url), `${UNIT}-`)
    assert.deepEqual(caller.cloud.files(), [])
    assert.equal((await put(url, UNIT, 1, UNIT + 1)).status, 201)
    assert.equal(caller.cloud.files()[0]?.size, UNIT + 1)
    assert.equal(errorOf(await http.request({ method: 'GET', url })), '404 itemNotFound')
  })

  it('refuses fragments that overlap, leave a gap, are off the grid, too large, or of another file', async () => {
    const caller = await start()
    const url = await open(caller, 'a.zip')
    const size = 4 * UNIT
    assert.equal((await put(url, 0, UNIT, size)).status, 202)
    assert.equal(errorOf(await put(url, 0, UNIT, size)), '416 invalidRange fragmentOverlap')
    assert.equal(errorOf(await put(url, 2 * UNIT, UNIT, size)), '416 invalidRange fragmentOutOfOrder')
    assert.equal(errorOf(await put(url, UNIT, UNIT + 1, size)), '400 invalidRange fragmentLengthMismatch')
    assert.equal(errorOf(await put(url, UNIT, UNIT, size + 1)), '400 invalidRequest')
    const range = { 'Content-Range': `bytes ${UNIT}-${3 * UNIT - 1}/${size}` }
    assert.equal(
      errorOf(await http.request({ method: 'PUT', url, headers: range, body: Buffer.alloc(UNIT) })),
      '416 invalidRange fragmentLengthMismatch',
    )
    assert.equal(
      errorOf(await http.request({ method: 'PUT', url, body: Buffer.alloc(UNIT) })),
      '400 invalidRequest',
    )
    const large = await open(caller, 'b.zip')
    const huge = { 'Content-Range': `bytes 0-${192 * UNIT - 1}/${200 * UNIT}` }
    assert.equal(
      (await http.request({ method: 'PUT', url: large, headers: huge, body: Buffer.alloc(192 * UNIT) }))
        .status,
      413,
    )
    assert.equal(await next(url), `${UNIT}-`)
  })

  it('refuses a body of unknown length', async () => {
    const caller = await start()
    const url = await open(caller, 'a.zip')
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'Content-Range': 'bytes 0-9/10', 'Transfer-Encoding': 'chunked' }
      const request = https.request(url, { method: 'PUT', headers, agent: false }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode))
      })
      request.on('error', reject).end(Buffer.alloc(10))
    })
    assert.equal(status, 411)
  })

  it('holds its name until it is given up or has expired', async () => {
    const caller = await start({ sessionSlideMs: 60_000 })
    const again = () =>
      caller.graph('POST', `/drives/${caller.cloud.driveId}/root:/A.zip:/createUploadSession`, {
        item: { '@microsoft.graph.conflictBehavior': 'replace' },
      })
    const url = await open(caller, 'a.zip')
    assert.equal(errorOf(await again()), '409 nameAlreadyExists')
    assert.equal((await http.request({ method: 'DELETE', url })).status, 204)
    assert.equal((await again()).status, 200)
    caller.cloud.advance(61_000)
    assert.equal((await again()).status, 200)
    assert.equal(caller.cloud.openSessions(), 1)
  })

  it('slides its end with every fragment, but not beyond the life of its address', async () => {
    const caller = await start({ sessionSlideMs: 60_000, sessionLifeMs: 130_000 })
    const url = await open(caller, 'a.zip')
    const size = 10 * UNIT
    assert.equal((await put(url, 0, UNIT, size)).status, 202)
    caller.cloud.advance(50_000)
    assert.equal((await put(url, UNIT, UNIT, size)).status, 202)
    caller.cloud.advance(50_000)
    assert.equal((await put(url, 2 * UNIT, UNIT, size)).status, 202)
    caller.cloud.advance(50_000)
    assert.equal(errorOf(await put(url, 3 * UNIT, UNIT, size)), '401 unauthenticated expiredToken')
    const other = await open(caller, 'b.zip')
    caller.cloud.advance(61_000)
    assert.equal(errorOf(await put(other, 0, UNIT, size)), '404 itemNotFound')
  })

  it('is kept when the name is taken before the last byte', async () => {
    const caller = await start()
    const url = await open(caller, 'a.zip')
    caller.cloud.putFile('/a.zip', Buffer.from('other'))
    assert.equal(errorOf(await put(url, 0, 10, 10)), '409 nameAlreadyExists')
    assert.equal(caller.cloud.openSessions(), 1)
    assert.equal(caller.cloud.files()[0]?.size, 5)
  })

  it('hashes without keeping the bytes', async () => {
    const caller = await start({ keepContent: false })
    const url = await open(caller, 'zeros.zip')
    for (let i = 0; i < 4; i += 1) {
      const range = { 'Content-Range': `bytes ${i * 16 * UNIT}-${(i + 1) * 16 * UNIT - 1}/${64 * UNIT}` }
      await http.request({ method: 'PUT', url, headers: range, body: Buffer.alloc(16 * UNIT) })
    }
    const [file] = caller.cloud.files()
    const expected = Buffer.alloc(20)
    expected.writeBigUInt64LE(BigInt(64 * UNIT), 12)
    assert.equal(file?.hashes[0]?.value, expected.toString('base64'))
    assert.equal(file?.content, null)
  })
})
