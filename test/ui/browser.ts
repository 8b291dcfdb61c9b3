// A real Chromium for tests and screenshots: that of the npm package @sparticuz/chromium, so that nothing has to be
// installed by hand. It is unpacked once into the system's temporary folder and driven by playwright-core.

import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import bundled from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

/** No sandbox: containers run this as root, and it opens nothing but our own pages. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none']

const LOCK = join(tmpdir(), 'cloud-sync-chromium.lock')

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await unpacked(), args: FLAGS, headless: true })
}

/** Two test files that unpack at once would run each other's half of a file. */
async function unpacked(): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      await mkdir(LOCK)
      break
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      // Left behind by a process that was killed.
      if (tries > 300) await rm(LOCK, { recursive: true, force: true })
      await delay(100)
    }
  }
  try {
    return await bundled.executablePath()
  } finally {
    await rm(LOCK, { recursive: true, force: true })
  }
}
