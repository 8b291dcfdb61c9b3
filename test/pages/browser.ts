// A real Chromium for tests and screenshots: that of the npm package @sparticuz/chromium, so that nothing has to be
// installed by hand. It is unpacked once per user and release into the system's temporary folder and driven by
// playwright-core. Where the machine lacks the libraries that a browser needs, those that the package carries along are used.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { lstat, mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import bundled from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'
import { alone } from '../support/alone.ts'

/** No sandbox: containers run this as root, and it opens nothing but our own pages. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none']

const require = createRequire(import.meta.url)
const { uid } = userInfo()
/** What another user, or another release, has unpacked is not to be run. */
const FOLDER = join(tmpdir(), `cloud-sync-chromium-${uid}-${releaseOf('@sparticuz/chromium')}`)
const LOCK = `${FOLDER}.lock`
const LIBRARIES = join(FOLDER, 'libraries')

export async function openBrowser(): Promise<Browser> {
  const executablePath = await alone(LOCK, unpackBrowser)
  const options = { executablePath, args: FLAGS, headless: true }
  try {
    return await chromium.launch(options)
  } catch (error) {
    if (!String(error).includes('error while loading shared libraries')) throw error
    await alone(LOCK, unpackLibraries)
    const env = { ...process.env, LD_LIBRARY_PATH: join(LIBRARIES, 'lib') }
    return chromium.launch({ ...options, env })
  }
}

/** The package unpacks into the temporary folder of the moment. */
async function unpackBrowser(): Promise<string> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 })
  const found = await lstat(FOLDER)
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid))
    throw new Error(`${FOLDER} is not ours: remove it`)
  const usual = process.env.TMPDIR
  process.env.TMPDIR = FOLDER
  try {
    return await bundled.executablePath()
  } finally {
    if (usual === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = usual
  }
}

function releaseOf(name: string): string {
  const entry = require.resolve(name)
  const root = entry.slice(0, entry.lastIndexOf(name) + name.length)
  return String(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version)
}

async function unpackLibraries(): Promise<void> {
  const entry = require.resolve('@sparticuz/chromium')
  const packed = await readFile(join(dirname(entry), '..', '..', 'bin', 'al2023.tar.br'))
  await mkdir(LIBRARIES, { recursive: true })
  const { status, stderr } = spawnSync('tar', ['-x', '-C', LIBRARIES], {
    input: brotliDecompressSync(packed),
  })
  if (status !== 0) throw new Error(`the libraries of the browser could not be unpacked: ${stderr}`)
}
