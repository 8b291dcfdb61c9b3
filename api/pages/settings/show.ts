// The page of settings: reads what it shows. Health is what /readyz looks at, and whether a worker answers.

import type { Context } from 'hono'
import { listApiTokens } from '../../../db/access/api-tokens.ts'
import { listUsers } from '../../../db/access/users.ts'
import { serverVersion } from '../../../db/database-server.ts'
import { may } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import type { HealthCheck } from '../../operation/health.ts'
import { PROGRAM_VERSION, TEMPORAL_SDK_VERSION } from '../../program.ts'
import type { Message } from '../../ui/layout.ts'
import { doneMessage } from '../../ui/page-parts.ts'
import { sendWholePage } from '../../ui/page-response.ts'
import { type SettingsView, settingsPage, settingsTexts } from './page.ts'

const PROGRAM = [
  ['Cloud Sync', PROGRAM_VERSION],
  ['Node.js', process.versions.node],
  ['Temporal SDK', TEMPORAL_SDK_VERSION],
] as const

type SettingsDeps = Pick<AppDeps, 'db' | 'vault' | 'temporal' | 'config' | 'log'> & {
  readonly health: HealthCheck
}

/** What came of the form that was sent just before. */
export type SettingsOutcome = Partial<Pick<SettingsView, 'newToken' | 'refusedUser' | 'refusedToken'>> & {
  readonly message?: Message
}

/** 422 when the outcome is a refusal. */
export async function showSettings(
  deps: SettingsDeps,
  c: Context<AppEnv>,
  outcome: SettingsOutcome = {},
): Promise<Response> {
  const { db, vault, config, health } = deps
  const { message = doneMessage(c.req.query('done')), ...shown } = outcome
  const maySeeAccess = may(c, 'users:write')
  const [database, temporal, workers, key, access, server] = await Promise.all([
    health.database(),
    health.temporal(),
    countedWorkers(deps),
    health.key(),
    maySeeAccess ? Promise.all([listUsers(db), listApiTokens(db)]) : null,
    serverVersion(db),
  ])
  const body = settingsPage({
    health: { database, temporal, workers: workers !== null && workers > 0, key },
    workerCount: workers,
    keyFile: maySeeAccess ? (config.secretKeyFile ?? null) : null,
    versions: [...PROGRAM, ['PostgreSQL', server]],
    fingerprints: vault.fingerprints,
    access: access === null ? null : { users: access[0], tokens: access[1] },
    newToken: null,
    refusedUser: null,
    refusedToken: null,
    ...shown,
  })
  const isRefused = message?.kind === 'danger' || shown.refusedUser != null || shown.refusedToken != null
  const frame = { title: settingsTexts.title, active: 'settings', message, body } as const
  return sendWholePage(c, frame, isRefused ? 422 : 200)
}

/** Null when Temporal does not say. */
async function countedWorkers({ temporal, log }: SettingsDeps): Promise<number | null> {
  try {
    return await temporal.countWorkers()
  } catch (err) {
    log.warn({ err, part: 'workers' }, 'not ready')
    return null
  }
}
