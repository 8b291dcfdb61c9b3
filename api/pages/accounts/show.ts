// The page of one account: reads what it shows, with what was typed, refused or tried just before.

import type { Context } from 'hono'
import { getAccount } from '../../../db/accounts/accounts.ts'
import { type AccountView, viewAccount } from '../../../db/views/accounts.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import { lastUploads } from '../../../db/views/last-uploads.ts'
import { may } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { orNotFound } from '../../http/problem.ts'
import type { ApiProblem } from '../../ui/api-call.ts'
import type { FormFields } from '../../ui/form-data.ts'
import type { Message } from '../../ui/layout.ts'
import type { Part } from '../../ui/markup.ts'
import { doneMessage, refusal } from '../../ui/page-parts.ts'
import { sendWholePage } from '../../ui/page-response.ts'
import type { AccountFormView } from './form.ts'
import { filledSecrets, shownAgain } from './input.ts'
import { accountPage, formValues } from './pages.ts'

type ShowDeps = Pick<AppDeps, 'db' | 'vault'>

type AccountAttempt = {
  readonly problem: ApiProblem | null
  /** What was typed; null when the form was not sent. */
  readonly form: FormFields | null
  /** What came of a trial. */
  readonly shown?: Part
}

/** Throws a 404. */
export async function knownAccount({ db, vault }: ShowDeps, id: string): Promise<AccountView> {
  const account = orNotFound(await getAccount(db, vault, id), 'account')
  return orNotFound(await viewAccount(db, account), 'account')
}

/** Throws a 404. */
export async function showAccount(
  deps: ShowDeps,
  c: Context<AppEnv>,
  id: string,
  { problem, form: given, shown = null }: AccountAttempt = { problem: null, form: null },
): Promise<Response> {
  const { db } = deps
  const account = await knownAccount(deps, id)
  const [bindings, uploads] = await Promise.all([
    listBindingViews(db, { account_id: id }),
    lastUploads(db, [id]),
  ])
  const body = accountPage({
    account,
    lastUpload: uploads.get(id) ?? null,
    form: formView(account, given, problem),
    bindings,
    mayWrite: may(c, 'accounts:write'),
    mayCheck: may(c, 'runs:write'),
    check: shown,
  })
  const message = problem === null ? doneMessage(c.req.query('done')) : refusalBeside(given, problem)
  return sendWholePage(
    c,
    { title: account.name, active: 'cloud', message, body },
    problem === null ? 200 : 422,
  )
}

function formView(
  account: AccountView,
  given: FormFields | null,
  problem: ApiProblem | null,
): AccountFormView {
  const { provider } = account
  if (given === null) return { provider, values: formValues(account), problem: null, isSaved: true }
  const lostSecrets = filledSecrets(provider, given)
  return { provider, values: shownAgain(given), problem, isSaved: true, lostSecrets }
}

/** What is wrong with the form is said in the form. */
function refusalBeside(given: FormFields | null, problem: ApiProblem): Message | null {
  return given === null ? refusal(problem) : null
}
