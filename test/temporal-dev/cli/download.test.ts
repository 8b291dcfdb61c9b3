// Downloads of programs: which ways they may be led, and what they may say.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { download } from '../../../temporal-dev/cli/download.ts'
import { createTestAuthority, trustHere } from '../../clouds/certificates.ts'

describe('a download', () => {
  let plain: Server
  let secure: Server
  let requests: string[] = []
  const root = (server: Server) => {
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    return `${server === plain ? 'http' : 'https'}://127.0.0.1:${port}`
  }
  const answer: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    requests.push(`${pathname} ${request.headers.authorization ?? ''}`.trim())
    const to = pathname === '/circle' ? '/circle' : searchParams.get('to')
    if (to === null) response.end('the file')
    else response.writeHead(302, { location: to }).end('elsewhere')
  }
  const redirected = (from: Server, to: string) =>
    download(`${root(from)}/moved?${new URLSearchParams({ to })}`).then(String)

  before(async () => {
    const authority = await createTestAuthority()
    trustHere(authority)
    plain = createHttpServer(answer)
    secure = createHttpsServer(await authority.issue(['127.0.0.1']), answer)
    for (const server of [plain, secure]) await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  after(() => {
    for (const server of [plain, secure]) {
      server.close()
      server.closeAllConnections()
    }
  })

  it('follows a redirect from HTTPS to HTTPS, and one that was plain from the beginning', async () => {
    assert.equal(await redirected(secure, `${root(secure)}/file`), 'the file')
    assert.equal(await redirected(secure, '/file'), 'the file')
    assert.equal(await redirected(plain, `${root(secure)}/file`), 'the file')
    assert.equal(await redirected(plain, '/file'), 'the file')
  })

  it('is refused when it is led from HTTPS to HTTP, and asks nothing there', async () => {
    requests = []
    await assert.rejects(
      redirected(secure, `${root(plain)}/file`),
      /redirected from HTTPS to another protocol/,
    )
    assert.deepEqual(requests, ['/moved'])
  })

  it('ends a circle of redirects', async () => {
    await assert.rejects(redirected(plain, '/circle'), /redirected more than 5 times/)
  })

  it('takes the login of an index out of the address, and to no other server', async () => {
    requests = []
    const withLogin = new URL(`${root(secure)}/moved?${new URLSearchParams({ to: `${root(plain)}/x` })}`)
    withLogin.username = 'me'
    withLogin.password = 'pass word'
    await assert.rejects(download(withLogin.href), (error: Error) => !String(error).includes('pass'))
    assert.deepEqual(requests, [`/moved Basic ${Buffer.from('me:pass word').toString('base64')}`])
  })
})
