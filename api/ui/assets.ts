// Style sheet and scripts. They are read and compressed once at the start. Their names contain a hash of their content, so that
// a browser keeps them forever and never uses an old one. Nothing comes from another host.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Hono } from 'hono'
import type { AppEnv } from '../access/principal.ts'
import { notFound } from '../http/problem.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const { resolve } = createRequire(import.meta.url)

type Asset = { readonly path: string; readonly type: string; readonly bytes: Buffer; readonly gzip: Buffer }

function asset(name: string, extension: string, type: string, ...files: readonly string[]): Asset {
  const bytes = Buffer.from(files.map((file) => readFileSync(file, 'utf8')).join('\n'))
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12)
  return { path: `/assets/${name}-${hash}.${extension}`, type, bytes, gzip: gzipSync(bytes, { level: 9 }) }
}

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const css = (name: string) => join(HERE, 'css', `${name}.css`)

const style = asset(
  'style',
  'css',
  'text/css; charset=utf-8',
  ...['tokens', 'base', 'shell', 'parts', 'tables', 'forms', 'pages'].map(css),
)
const htmx = asset(
  'htmx',
  'js',
  JAVASCRIPT,
  resolve('htmx.org/dist/htmx.min.js'),
  resolve('htmx-ext-sse/dist/sse.min.js'),
  resolve('idiomorph/dist/idiomorph.min.js'),
)
const script = asset(
  'app',
  'js',
  JAVASCRIPT,
  join(HERE, 'browser', 'live.js'),
  join(HERE, 'browser', 'app.js'),
  join(HERE, 'browser', 'account-form.js'),
)
const favicon = asset('icon', 'svg', 'image/svg+xml', join(HERE, 'browser', 'icon.svg'))

export const assetPaths = {
  style: style.path,
  htmx: htmx.path,
  script: script.path,
  favicon: favicon.path,
} as const

/** Unknown names get a 404. */
export function assetRoutes() {
  const app = new Hono<AppEnv>()
  const known = new Map([style, htmx, script, favicon].map((one) => [one.path, one]))
  app.get('/assets/:name', (c) => {
    const found = known.get(c.req.path)
    if (found === undefined) throw notFound('file')
    const isZipped = c.req.header('accept-encoding')?.includes('gzip') === true
    return c.body(new Uint8Array(isZipped ? found.gzip : found.bytes), 200, {
      'content-type': found.type,
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      ...(isZipped ? { 'content-encoding': 'gzip' } : {}),
    })
  })
  return app
}
