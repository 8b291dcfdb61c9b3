// A real Chromium for tests and screenshots: that of the npm package @sparticuz/chromium, so that nothing has to be
// installed by hand. It is unpacked once into the system's temporary folder and driven by playwright-core. Where the
// machine lacks the libraries that a browser needs, those that the package carries along are used.

import { spawnSync } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliDecompressSync } from 'node:zlib'
import bundled from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

/** No sandbox: containers run this as root, and it opens nothing but our own pages. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none']

const LOCK = join(tmpdir(), 'cloud-sync-chromium.lock')
const LOCK_TRIES = 300
const LIBRARIES = join(tmpdir(), 'cloud-sync-chromium-libraries')

export async function openBrowser(): Promise<Browser> {
  const executablePath = await alone(() => bundled.executablePath())
  const options = { executablePath, args: FLAGS, headless: true }
  try {
    return await chromium.launch(options)
  } catch (error) {
    if (!String(error).includes('error while loading shared libraries')) throw error
    await alone(unpackLibraries)
    const env = { ...process.env, LD_LIBRARY_PATH: join(LIBRARIES, 'lib') }
    return chromium.launch({ ...options, env })
  }
}

async function unpackLibraries(): Promise<void> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const packed = await readFile(join(dirname(entry), '..', '..', 'bin', 'al2023.tar.br'))
  await mkdir(LIBRARIES, { recursive: true })
  const { status, stderr } = spawnSync('tar', ['-x', '-C', LIBRARIES], {
    input: brotliDecompressSync(packed),
  })
  if (status !== 0) throw new Error(`the libraries of the browser could not be unpacked: ${stderr}`)
}

/** Two test files that unpack at once would run each other's half of a file. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      await mkdir(LOCK)
      break
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      // Left behind by a process that was killed.
      if (tries > LOCK_TRIES) await rm(LOCK, { recursive: true, force: true })
      await delay(100)
    }
  }
  try {
    return await work()
  } finally {
    await rm(LOCK, { recursive: true, force: true })
  }
}
