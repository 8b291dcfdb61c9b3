// What the address of a request may contain. An ID that is too long or contains a NUL names nothing: the answer is 404 without
// asking the database. A query field that an operation of the API does not have is refused by name, because a misspelt filter
// must not show everything. Pages and probes read their own queries.

import type { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { z } from 'zod'
import type { AppEnv } from '../access/principal.ts'
import { invalidInput, Problem } from './problem.ts'

const LONGEST_SEGMENT = 200

/** `app` may get its routes later: they are read at the first request. */
export function checkAddress(app: OpenAPIHono<AppEnv>): MiddlewareHandler<AppEnv> {
  let fields: ReadonlyMap<string, ReadonlySet<string>> | undefined
  return async (c, next) => {
    const { pathname, searchParams } = new URL(c.req.url)
    if (pathname.split('/').some(isNoId)) throw new Problem(404, 'There is nothing at this address.')
    fields ??= queryFields(app)
    const { method } = c.req
    const known = matchedRoutes(c)
      .map((route) => fields?.get(`${method === 'HEAD' ? 'GET' : method} ${route.path}`))
      .find((names) => names !== undefined)
    if (known !== undefined) {
      refuseUnknown(searchParams, known)
      if (method === 'GET') c.req.raw = withoutEmptyFields(c.req.raw)
    }
    await next()
  }
}

function isNoId(segment: string): boolean {
  try {
    const text = decodeURIComponent(segment)
    return text.length > LONGEST_SEGMENT || text.includes('\0')
  } catch {
    // It is not UTF-8.
    return true
  }
}

function refuseUnknown(given: URLSearchParams, known: ReadonlySet<string>): void {
  const unknown = [...new Set(given.keys())].filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw invalidInput(unknown.map((name) => ({ path: name, message: 'is not known' })))
}

/** A field without a value, as forms and templates send it (`?status=&cursor=`), counts as missing. */
function withoutEmptyFields(request: Request): Request {
  const url = new URL(request.url)
  const given = [...url.searchParams]
  const filled = given.filter(([, value]) => value !== '')
  if (filled.length === given.length) return request
  url.search = new URLSearchParams(filled).toString()
  return new Request(url, { headers: request.headers, signal: request.signal })
}

/** The operations under /api, by method and by the router's path. */
function queryFields(app: OpenAPIHono<AppEnv>): ReadonlyMap<string, ReadonlySet<string>> {
  const routes = app.openAPIRegistry.definitions.flatMap((each) =>
    each.type === 'route' ? [each.route] : [],
  )
  return new Map(
    routes
      .filter(({ path }) => path.startsWith('/api/'))
      .map(({ method, path, request }) => [
        `${method.toUpperCase()} ${path.replaceAll(/\{(.+?)\}/g, ':$1')}`,
        new Set(request?.query instanceof z.ZodObject ? Object.keys(request.query.shape) : []),
      ]),
  )
}
