import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { createHttpClient, type HttpClient } from '../../../activities/http/client.ts'
import {
  createTestAuthority,
  type TestAuthority,
  trustHere,
  writeAuthority,
} from '../../clouds/certificates.ts'
import { type CloudServer, startCloudServer } from '../../clouds/cloud-server.ts'
import { type ConnectProxy, startConnectProxy } from '../../support/network/connect-proxy.ts'

const NAME = 'www.googleapis.com'
const OTHER = 'graph.microsoft.com'

describe('the HTTP client behind a proxy', () => {
  let authority: TestAuthority
  let cloud: CloudServer
  let proxy: ConnectProxy
  let client: HttpClient
  before(async () => {
    authority = await createTestAuthority()
    trustHere(authority)
    const emulator = {
      hosts: [NAME],
      operationOf: () => 'any',
      handle: async ({ host, readBody }: { host: string; readBody(): Promise<Buffer> }) => ({
        status: 200,
        body: { host, bytes: (await readBody()).byteLength },
      }),
      errorBody: () => ({}),
    }
    cloud = await startCloudServer(emulator, authority)
    proxy = await startConnectProxy({ [NAME]: cloud.port, [OTHER]: cloud.port })
    client = createHttpClient({ proxyEnv: { HTTPS_PROXY: proxy.url, NO_PROXY: '127.0.0.1' } })
  })
  after(async () => {
    client.close()
    await proxy.close()
    await cloud.close()
  })

  it('reaches the host by a tunnel, under its real name', async () => {
    const body = Buffer.alloc(300_000)
    const answer = await client.request({ method: 'PUT', url: `https://${NAME}/x`, body })
    assert.deepEqual(JSON.parse(answer.body.toString()), { host: NAME, bytes: 300_000 })
    assert.deepEqual(proxy.connects, [`${NAME}:443`])
    assert.equal((await client.fetch(`https://${NAME}/y`)).status, 200)
  })

  it('checks the certificate for the name that it asked for, through the tunnel', async () => {
    await assert.rejects(client.request({ method: 'GET', url: `https://${OTHER}/x` }), {
      code: 'certificate_invalid',
      message: `The certificate of ${OTHER} is not trusted (ERR_TLS_CERT_ALTNAME_INVALID).`,
    })
  })

  it('goes past the proxy where NO_PROXY says so', async () => {
    const before = proxy.connects.length
    const answer = await client.request({ method: 'GET', url: `${cloud.origin}/x` })
    assert.deepEqual([answer.status, proxy.connects.length], [200, before])
  })

  it('says that the network is at fault when the proxy refuses or is not there', async () => {
    await assert.rejects(client.request({ method: 'GET', url: 'https://elsewhere.example/x' }), {
      code: 'network_unreachable',
    })
    const lost = createHttpClient({ proxyEnv: { HTTPS_PROXY: 'http://user:geheim@127.0.0.1:1' } })
    await assert.rejects(
      lost.request({ method: 'GET', url: `https://${NAME}/x` }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'network_unreachable')
        assert.ok(!error.message.includes('geheim'))
        return true
      },
    )
    lost.close()
  })

  it('gives up a proxy that takes the connection and says nothing', async () => {
    const held = new Set<net.Socket>()
    const mute = net.createServer((socket) => void held.add(socket))
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`
    const waiting = createHttpClient({ proxyEnv: { HTTPS_PROXY: url }, connectTimeoutMs: 200 })
    await assert.rejects(waiting.request({ method: 'GET', url: `https://${NAME}/x` }), {
      code: 'network_stalled',
    })
    waiting.close()
    for (const socket of held) socket.destroy()
    await new Promise((resolve) => mute.close(resolve))
  })

  it('verifies certificates whatever the environment says, and trusts a private authority by NODE_EXTRA_CA_CERTS', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloud-sync-test-ca-'))
    const script = `
      import { createHttpClient } from ${JSON.stringify(new URL('../../../activities/http/client.ts', import.meta.url).href)}
      const client = createHttpClient()
      await client.request({ method: 'GET', url: ${JSON.stringify(`${cloud.origin}/x`)} }).then(
        ({ status }) => console.log(status), ({ code }) => console.log(code))
      client.close()`
    const run = async (env: Record<string, string>) => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        env,
      })
      return stdout.trim()
    }
    assert.equal(await run({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }), 'certificate_invalid')
    assert.equal(await run({ NODE_EXTRA_CA_CERTS: await writeAuthority(authority, folder) }), '200')
    await rm(folder, { recursive: true })
  })
})
