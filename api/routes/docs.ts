// /api/openapi.json and /api/docs. Swagger UI is served from the installed package: a browser needs nothing from
// outside. Its page has a Content-Security-Policy of its own, because Swagger UI writes style attributes.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { AppEnv } from '../access/principal.ts'
import { DOCS_CSP } from '../http/security-headers.ts'

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Cloud Sync API</title>
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
`

const start = `SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null, showExtensions: true })\n`

const OPENAPI_INFO = {
  openapi: '3.1.0',
  info: {
    title: 'Cloud Sync',
    version: '1.0.0',
    description:
      'Takes finished Odoo backups to every cloud destination of their instance, and shows what happened.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
}

/** `root`: the app whose routes the document describes. */
export function docsRoutes(root: OpenAPIHono<AppEnv>) {
  const app = new OpenAPIHono<AppEnv>()
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

  app.get('/api/openapi.json', (c) => c.json(root.getOpenAPI31Document(OPENAPI_INFO)))

  app.get('/api/docs', (c) => {
    c.header('content-security-policy', DOCS_CSP)
    return c.html(page)
  })

  app.get('/api/docs/start.js', (c) =>
    c.body(start, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  )

  app.get('/api/docs/:asset', async (c, next) => {
    const asset = c.req.param('asset')
    const type = Object.hasOwn(ASSETS, asset) ? ASSETS[asset] : undefined
    if (type === undefined) return next()
    const bytes = await readFile(join(folder, asset))
    return c.body(bytes, 200, { 'content-type': type, 'cache-control': 'public, max-age=86400' })
  })

  return app
}
