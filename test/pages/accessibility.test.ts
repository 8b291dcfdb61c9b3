// WCAG 2.2 AA as far as axe can tell, on every page, light and dark, wide and narrow; and what axe cannot see: the keyboard.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { z } from 'zod'
import { examplePages, seedExample } from './example-data.ts'
import { createSite, type Site } from './site.ts'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const findings = z.array(
  z.object({ id: z.string(), help: z.string(), nodes: z.array(z.object({ html: z.string() })) }),
)

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  'wide and light': { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  'narrow and dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
}

/** The markup of links and forms that have no ID, neither of their own nor of an element around them within the live part. */
const WITHOUT_ID = `[...document.querySelectorAll('[sse-connect] :is(a[href], form):not([data-component="back"])')]
  .filter((element) => element.closest('[id]').matches('main, #run, [sse-connect]'))
  .map((element) => element.outerHTML.slice(0, 160))`

describe('accessibility', () => {
  let site: Site
  let paths: Readonly<Record<string, string>>
  before(async () => {
    site = await createSite()
    paths = examplePages(await seedExample(site.system.db, site.system.vault, site.system.clouds))
  })
  after(() => site.close())

  for (const [look, options] of Object.entries(LOOKS)) {
    it(`axe finds nothing on any page, ${look}`, async () => {
      // Evaluated by the test, which the page's Content-Security-Policy would refuse.
      const page = await site.openLoggedIn({ ...options, bypassCSP: true })
      for (const [name, path] of Object.entries(paths)) {
        await page.goto(path)
        assert.deepEqual(await axe(page), [], `${name} (${path})`)
      }
      await page.context().close()
    })
  }

  it('axe finds nothing on a page whose parts are opened', async () => {
    const page = await site.openLoggedIn({ bypassCSP: true })
    for (const path of ['/settings', paths['run-failed'] ?? '', '/overview']) {
      await page.goto(path)
      for (const summary of await page.locator('details:not([hx-get]) > summary').all()) await summary.click()
      assert.deepEqual(await axe(page), [], path)
    }
    await page.context().close()
  })

  it('the keyboard alone reaches the content, a failure and its text, and the run', async () => {
    const page = await site.openLoggedIn()
    await page.keyboard.press('Tab')
    assert.equal(await page.locator(':focus').textContent(), 'Skip to the content')
    await page.keyboard.press('Enter')
    const mark = page.locator('[data-state="failed"] button').first()
    await mark.focus()
    const tooltip = page.locator(`[id="${await mark.getAttribute('aria-describedby')}"]`)
    await tooltip.waitFor({ state: 'visible' })
    await page.keyboard.press('Escape')
    await tooltip.waitFor({ state: 'hidden' })
    await page.locator('a[data-cover]').first().focus()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/runs/**')
    await page.context().close()
  })

  it('no page is wider than a phone', async () => {
    const page = await site.openLoggedIn({ viewport: { width: 320, height: 640 } })
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(path)
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
      assert.ok(width <= 320, `${name} is ${width} px wide`)
    }
    await page.context().close()
  })

  it('every page can be read, and forms can be sent, without JavaScript', async () => {
    const page = await site.openLoggedIn({ javaScriptEnabled: false })
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(path)
      assert.ok((await page.locator('h1').count()) === 1, name)
    }
    await page.goto('/?q=')
    await page.getByLabel('Search').fill('bluebird')
    await page.getByRole('button', { name: 'Filter' }).click()
    assert.match(page.url(), /q=bluebird/)
    assert.equal(await page.locator('tr[id^="run-acme"]').count(), 0)
    await page.locator('[data-state="failed"]').first().hover()
    await page.getByText('The drive is full').first().waitFor()
    await page.goto(paths['binding-edit'] ?? '')
    await page.getByLabel('Remote retention: keep last N').fill('2')
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByText('3 files').first().waitFor()
    await page.context().close()
  })

  it('every link and form of a part that renews itself has an ID near it, so that none changes under a finger', async () => {
    const page = await site.openLoggedIn()
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(path)
      assert.deepEqual(await page.evaluate(WITHOUT_ID), [], `${name} (${path})`)
    }
    await page.context().close()
  })

  it('no page breaks its Content-Security-Policy', () => {
    assert.deepEqual(site.complaints, [])
  })
})

async function axe(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'))
  const run = `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} }).then((result) => result.violations)`
  const violations = findings.parse(await page.evaluate(run))
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 160)}`),
  )
}
