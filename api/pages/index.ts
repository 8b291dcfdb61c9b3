// All pages. They are read from the database directly and act through the API (ui/api-call.ts); who may see them is
// decided by the same authentication as for the API.

import { Hono } from 'hono'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import type { ConnectionReader } from '../http/client-connection.ts'
import type { HealthCheck } from '../operation/health.ts'
import { type ApiFetch, createApiCall } from '../ui/api-call.ts'
import { assetRoutes } from '../ui/assets.ts'
import { cloudPages } from './accounts/routes.ts'
import { auditPages } from './audit/routes.ts'
import { bindingPages } from './bindings/routes.ts'
import { instancePages } from './instances/routes.ts'
import { sessionPages } from './login/routes.ts'
import { overviewPages } from './overview/routes.ts'
import { runPages } from './runs/routes.ts'
import { settingsPages } from './settings/routes.ts'

/** `fetchApi` calls the app itself, for forms. */
export function pageRoutes(
  deps: AppDeps,
  { connectionOf, health }: { readonly connectionOf: ConnectionReader; readonly health: HealthCheck },
  fetchApi: ApiFetch,
) {
  const callApi = createApiCall(fetchApi)
  const app = new Hono<AppEnv>()
  for (const routes of [
    assetRoutes(),
    sessionPages(callApi),
    runPages(deps, connectionOf, callApi),
    cloudPages(deps, callApi),
    bindingPages(deps, callApi),
    instancePages(deps, callApi),
    overviewPages(deps, connectionOf, health),
    auditPages(deps),
    settingsPages(deps, callApi, health),
  ]) {
    app.route('/', routes)
  }
  return app
}
