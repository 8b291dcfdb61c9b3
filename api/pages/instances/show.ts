// The page of one instance: reads what it shows, and says what was done or refused just before.

import type { Context } from 'hono'
import { getAccount } from '../../../db/accounts/accounts.ts'
import { listRuns } from '../../../db/runs/history.ts'
import { type BindingView, listBindingViews } from '../../../db/views/bindings.ts'
import { getInstanceView, type InstanceView } from '../../../db/views/instances.ts'
import { storedBytes } from '../../../db/views/stored-bytes.ts'
import { may } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { orNotFound } from '../../http/problem.ts'
import { type ApiProblem, faultOf } from '../../ui/api-call.ts'
import type { Message } from '../../ui/layout.ts'
import { doneMessage, refusal } from '../../ui/page-parts.ts'
import { sendWholePage } from '../../ui/page-response.ts'
import { type RemotePlace, remotePlace } from '../bindings/remote-place.ts'
import { instancePage, instanceTexts } from './page.ts'

const RUNS_SHOWN = 20
const CHART_DAYS = 60

/** What the API refused; `name`: the new name, where it was about that. */
type RefusedChange = { readonly problem: ApiProblem; readonly name?: string }

/** Throws a 404. */
export async function showInstance(
  deps: Pick<AppDeps, 'db' | 'vault'>,
  c: Context<AppEnv>,
  slug: string,
  refused: RefusedChange | null = null,
): Promise<Response> {
  const { db } = deps
  const [found, bindings, stored, runs] = await Promise.all([
    getInstanceView(db, slug),
    listBindingViews(db, { instance: slug }),
    storedBytes(db, slug, CHART_DAYS),
    listRuns(db, { instance: slug, limit: RUNS_SHOWN }),
  ])
  const instance = orNotFound(found, 'instance')
  const fault = refused?.name === undefined ? null : faultOf(refused.problem, 'name')
  const body = instancePage({
    instance,
    bindings,
    stored,
    runs: runs.items,
    mayWrite: may(c, 'config:write'),
    places: await placesOf(deps, bindings),
    rename: fault === null ? null : { name: refused?.name ?? '', fault },
  })
  const { name: title } = instance
  if (refused === null) {
    const message = pauseMessage(c, instance, bindings) ?? doneMessage(c.req.query('done'))
    return sendWholePage(c, { title, active: 'instances', message, body })
  }
  const message = fault === null ? refusal(refused.problem) : null
  return sendWholePage(c, { title, active: 'instances', message, body }, 422)
}

/** Where the copies of each binding lie, by account. */
async function placesOf(
  { db, vault }: Pick<AppDeps, 'db' | 'vault'>,
  bindings: readonly BindingView[],
): Promise<ReadonlyMap<string, RemotePlace>> {
  const found = await Promise.all(
    bindings.map(async ({ account_id, remote_path, instance_slug }) => {
      const account = await getAccount(db, vault, account_id)
      const path = { remote_path, instance_slug, database: null }
      return account === null ? null : ([account_id, remotePlace(account, path)] as const)
    }),
  )
  return new Map(found.filter((one) => one !== null))
}

/** After Pause and Resume: which binding it was. */
function pauseMessage(
  c: Context<AppEnv>,
  { name }: InstanceView,
  bindings: readonly BindingView[],
): Message | null {
  const done = c.req.query('done')
  const binding = bindings.find(({ id }) => id === c.req.query('binding'))
  if (binding === undefined || (done !== 'binding_paused' && done !== 'binding_resumed')) return null
  const { isPaused, isResumed } = instanceTexts
  const text = `${binding.account} ${done === 'binding_paused' ? isPaused : isResumed} ${name}.`
  return { kind: 'success', text }
}
