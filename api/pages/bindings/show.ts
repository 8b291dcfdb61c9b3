// The page that binds an account to an instance, or changes a binding: the form, and the preview beside it.

import type { Context } from 'hono'
import { type Account, getAccount, listAccounts } from '../../../db/accounts/accounts.ts'
import { listBindings } from '../../../db/instances/bindings.ts'
import { getInstanceView } from '../../../db/views/instances.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { orNotFound } from '../../http/problem.ts'
import type { ApiProblem } from '../../ui/api-call.ts'
import { sendWholePage } from '../../ui/page-response.ts'
import { bindingPage, bindingTexts } from './form.ts'
import { preview } from './preview.ts'
import type { BindingValues } from './values.ts'

const MOST_ACCOUNTS = 200

type ShownBinding = {
  readonly slug: string
  /** Null for a new one. */
  readonly bindingId: string | null
  readonly values: BindingValues
  /** Why the API refused it. */
  readonly problem?: ApiProblem | null
}

/** Throws a 404 when there is no such instance. */
export async function showBinding(
  deps: AppDeps,
  c: Context<AppEnv>,
  { slug, bindingId, problem = null, ...given }: ShownBinding,
): Promise<Response> {
  const { db, vault } = deps
  orNotFound(await getInstanceView(db, slug), 'instance')
  const own = bindingId === null ? null : await getAccount(db, vault, given.values.account_id)
  const accounts = own === null ? await freeAccounts(deps, slug) : [own]
  const account_id = given.values.account_id || (accounts[0]?.id ?? '')
  const values = { ...given.values, account_id }
  const shown = account_id === '' ? null : await preview(deps, { slug, bindingId, values })
  const body = bindingPage({ slug, bindingId, accounts, values, problem, preview: shown })
  const frame = { title: bindingTexts.bindTitle, active: 'instances', body } as const
  return sendWholePage(c, frame, problem === null ? 200 : 422)
}

/** Those that the instance is not bound to yet. */
async function freeAccounts({ db, vault }: AppDeps, slug: string): Promise<readonly Account[]> {
  const [{ items }, bindings] = await Promise.all([
    listAccounts(db, vault, { limit: MOST_ACCOUNTS }),
    listBindings(db, slug),
  ])
  const bound = new Set(bindings.map(({ account_id }) => account_id))
  return items.filter(({ id }) => !bound.has(id))
}
