// The whole program behind a real browser: PostgreSQL, Temporal, workers, emulated clouds, and the API on a port of its
// own. The first administrator has changed the password already, unless a test wants to do that.

import type { BrowserContextOptions, Page } from 'playwright-core'
import { hashPassword } from '../../api/access/passwords.ts'
import { startApi } from '../../api/server.ts'
import { connectTemporal } from '../../api/temporal/client.ts'
import { createUser } from '../../db/access/users.ts'
import { createLogger } from '../../db/process/log.ts'
import { ALL_CLOUDS, type EmulatorStarter } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { openBrowser } from './browser.ts'

export const ADMIN = { username: 'admin', password: 'correct horse battery' } as const

/** A page that is not there by then never comes. */
const DEADLINE_MS = 10_000

export interface Site {
  readonly url: string
  readonly system: TestSystem
  /** A page of a fresh browser profile; what the console says of errors fails the test at `close`. */
  open(options?: BrowserContextOptions): Promise<Page>
  /** The same, logged in as the administrator. */
  openLoggedIn(options?: BrowserContextOptions): Promise<Page>
  /** Errors of the console so far, refusals of the Content-Security-Policy among them. */
  readonly complaints: readonly string[]
  close(): Promise<void>
}

export type SiteOptions = {
  /** Where the API finds Temporal, made of the server's own address: to put a door between them. */
  readonly temporalFor?: (address: string) => Promise<string>
}

export async function createSite(
  clouds: readonly EmulatorStarter[] = ALL_CLOUDS,
  { temporalFor }: SiteOptions = {},
): Promise<Site> {
  const system = await createTestSystem(clouds)
  const { db, vault } = system
  const log = createLogger({ logLevel: 'error' })
  const password_hash = await hashPassword(ADMIN.password)
  await createUser(db, { username: ADMIN.username, password_hash, role: 'admin' })
  const config = { ...system.config, port: { port: 0, asked: true } }
  const address = (await temporalFor?.(system.temporal.address)) ?? system.temporal.address
  const temporal = connectTemporal({ address, taskQueue: config.taskQueue })
  const temporalUi = { url: 'http://127.0.0.1:8233', namespace: system.temporal.namespace }
  const api = await startApi({ config, db, temporal, vault, log, temporalUi })
  const browser = await openBrowser()
  const complaints: string[] = []

  const site: Site = {
    url: api.url,
    system,
    complaints,
    open: async (options = {}) => {
      const context = await browser.newContext({ baseURL: api.url, ...options })
      context.setDefaultTimeout(DEADLINE_MS)
      const page = await context.newPage()
      page.on('console', (message) => {
        // A refused form is answered with 422, which Chromium counts among the errors.
        const isRefusal = message.text().startsWith('Failed to load resource: the server responded with')
        if (message.type() === 'error' && !isRefusal) complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(String(error)))
      return page
    },
    openLoggedIn: async (options) => {
      const page = await site.open(options)
      await logIn(page)
      return page
    },
    close: async () => {
      await browser.close()
      await api.stop()
      await system.close()
    },
  }
  return site
}

export async function logIn(page: Page, user: typeof ADMIN = ADMIN): Promise<void> {
  await page.goto('/login')
  await page.getByLabel('Username').fill(user.username)
  await page.getByLabel('Password').fill(user.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL('**/')
}
