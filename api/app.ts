// The HTTP API and the pages as one app without a port, so that `app.request()` is enough to test it. The order matters: the
// error handler encloses everything that may fail, every answer gets the headers, and every request is authenticated.

import { randomUUID } from 'node:crypto'
import { OpenAPIHono } from '@hono/zod-openapi'
import { authenticate } from './access/auth.ts'
import type { AppEnv } from './access/principal.ts'
import type { AppDeps } from './context.ts'
import { createConnectionReader } from './http/client-connection.ts'
import { Problem, problemResponse } from './http/problem.ts'
import { problemOf } from './http/problem-of.ts'
import { checkAddress } from './http/request-address.ts'
import { readBody } from './http/request-body.ts'
import { securityHeaders } from './http/security-headers.ts'
import { refuseInvalid } from './http/validation.ts'
import { createHealthCheck } from './operation/health.ts'
import { createTrafficMeter } from './operation/metrics.ts'
import { pageRoutes } from './pages/index.ts'
import { accountRoutes } from './routes/accounts.ts'
import { auditRoutes } from './routes/audit.ts'
import { bindingRoutes } from './routes/bindings.ts'
import { destinationRoutes } from './routes/destinations.ts'
import { docsRoutes } from './routes/docs.ts'
import { eventRoutes } from './routes/events.ts'
import { healthRoutes } from './routes/health.ts'
import { instanceRoutes } from './routes/instances.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { runActionRoutes } from './routes/run-actions.ts'
import { runRoutes } from './routes/runs.ts'
import { sessionRoutes } from './routes/session.ts'
import { systemRoutes } from './routes/system.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { userRoutes } from './routes/users.ts'
import { failurePage, isPageRequest } from './ui/failure-page.ts'

export type App = OpenAPIHono<AppEnv>

/** The app with all its routes. Nothing runs until a request arrives. */
export function createApp(deps: AppDeps): App {
  const { log, config } = deps
  const traffic = createTrafficMeter()
  const connectionOf = createConnectionReader(config.trustedProxies)
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid })

  app.onError((error, c) => {
    const where = `${c.req.method} ${c.req.routePath} ${c.get('requestId')}`
    const problem = problemOf(error, log, where)
    return isPageRequest(c) ? failurePage(c, problem) : problemResponse(problem)
  })
  app.notFound((c) => {
    const problem = unknownAddress(app, c.req.method, c.req.path)
    return isPageRequest(c) ? failurePage(c, problem) : problemResponse(problem)
  })

  app.use(traffic.middleware)
  app.use(securityHeaders(connectionOf))
  app.use(async (c, next) => {
    c.set('requestId', randomUUID())
    await next()
    c.header('x-request-id', c.get('requestId'))
  })
  app.use(authenticate({ ...deps, connectionOf }))
  app.use(checkAddress(app))
  app.use(readBody())

  // Shared by all routes: a check that is running answers everybody who asks meanwhile.
  const health = createHealthCheck(deps)
  for (const routes of [
    healthRoutes(health),
    sessionRoutes(deps, connectionOf),
    userRoutes(deps),
    tokenRoutes(deps),
    instanceRoutes(deps),
    accountRoutes(deps),
    bindingRoutes(deps),
    destinationRoutes(deps),
    runRoutes(deps),
    runActionRoutes(deps),
    eventRoutes(deps, connectionOf),
    auditRoutes(deps),
    metricsRoutes(deps, traffic),
    systemRoutes(deps),
  ]) {
    app.route('/', routes)
  }
  const { openAPIRegistry } = app
  openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' })
  const cookie = { type: 'apiKey', in: 'cookie', name: 'cloud_sync_session' } as const
  openAPIRegistry.registerComponent('securitySchemes', 'session', cookie)
  app.route('/', docsRoutes(app))
  app.route(
    '/',
    pageRoutes(deps, { connectionOf, health }, (request, env) => app.fetch(request, env)),
  )
  return app
}

/** 405 where another method has an operation at this path, 404 elsewhere. */
function unknownAddress(app: App, method: string, path: string): Problem {
  const methods = METHODS.filter((other) => other !== method && hasOperation(app, other, path))
  if (methods.length === 0) return new Problem(404, 'There is nothing at this address.')
  return new Problem(405, `There is no ${method} at this address.`, {
    headers: { allow: methods.join(', ') },
  })
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

function hasOperation(app: App, method: string, path: string): boolean {
  const [handlers] = app.router.match(method, path)
  // Middleware is registered for all methods.
  return handlers.some(([[, route]]) => route.method === method)
}
