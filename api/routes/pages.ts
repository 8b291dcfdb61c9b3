// All pages. They are read from the database directly and act through the API (ui/api-call.ts); who may see them is
// decided by the same authentication as for the API.

import { Hono } from 'hono'
import type { AppDeps, AppEnv } from '../app-context.ts'
import type { ConnectionReader } from '../client-connection.ts'
import type { HealthCheck } from '../health.ts'
import { type ApiFetch, createApiCall } from '../ui/api-call.ts'
import { assetRoutes } from '../ui/assets.ts'
import { bindingPages } from './pages-bindings.ts'
import { cloudPages } from './pages-cloud.ts'
import { instancePages } from './pages-instances.ts'
import { overviewPages } from './pages-overview.ts'
import { runPages } from './pages-runs.ts'
import { sessionPages } from './pages-session.ts'
import { settingsPages } from './pages-settings.ts'

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
    settingsPages(deps, callApi, health),
  ]) {
    app.route('/', routes)
  }
  return app
}
