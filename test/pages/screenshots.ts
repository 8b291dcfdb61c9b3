// `npm run screenshots`: pictures of every page, light and dark, on a desktop and on a phone, into `screenshots` in docs/ (or the
// folder given as the argument; more arguments choose pages by name).

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BrowserContextOptions } from 'playwright-core'
import { examplePages, seedExample } from './example-data.ts'
import { createSite } from './site.ts'

const [folder = 'docs/screenshots', ...chosen] = process.argv.slice(2)

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  'desktop-light': { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  'desktop-dark': { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  'phone-light': { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'light' },
  'phone-dark': { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' },
}

/** A long list goes on in the same way. */
const TALLEST = 1_600

await mkdir(folder, { recursive: true })
const site = await createSite()
try {
  const example = await seedExample(site.system.db, site.system.vault, site.system.clouds)
  const pages = examplePages(example)
  for (const [look, options] of Object.entries(LOOKS)) {
    const page = await site.openLoggedIn({ timezoneId: 'Europe/Vienna', locale: 'en-GB', ...options })
    for (const [name, path] of Object.entries(pages)) {
      if (chosen.length > 0 && !chosen.some((one) => name.includes(one) || look.includes(one))) continue
      await page.goto(path)
      await page.waitForLoadState('load')
      await page.locator('.htmx-request').first().waitFor({ state: 'detached' })
      const height = Number(await page.evaluate('document.documentElement.scrollHeight'))
      const { width } = page.viewportSize() ?? { width: 1280 }
      const clip = { x: 0, y: 0, width, height: Math.min(height, TALLEST) }
      await page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true, clip })
      if (name !== 'run-history') continue
      await page.locator('[data-state="failed"]').first().hover()
      await page.screenshot({ path: join(folder, `failure-by-hover-${look}.png`) })
    }
    await page.context().close()
  }
  for (const complaint of site.complaints) process.stderr.write(`${complaint}\n`)
} finally {
  await site.close()
}
