// /cloud: cloud accounts. "Test connection" tries what is in the form before anything is saved (api/account-trial.ts).

import { type Context, Hono } from 'hono'
import { listAccountViews, viewAccount } from '../../db/account-checks.ts'
import { getAccount } from '../../db/accounts.ts'
import { listBindingViews } from '../../db/binding-views.ts'
import type { ProviderKind } from '../../workflows/types.ts'
import { tryAccount } from '../account-trial.ts'
import type { AppDeps, AppEnv } from '../app-context.ts'
import { type Permission, requires } from '../permissions.ts'
import { notFound } from '../problem.ts'
import { newAccountSchema } from '../schemas/accounts.ts'
import { accountInput, credentialsOf, hasCredentials, providerOf, settingsOf } from '../ui/account-input.ts'
import {
  accountCard,
  accountList,
  accountPage,
  accountTexts,
  checkResult,
  formValues,
  newAccountPage,
  providerChoice,
} from '../ui/account-pages.ts'
import type { ApiCall, ApiProblem } from '../ui/api-call.ts'
import { type FormFields, formOf } from '../ui/form-data.ts'
import { layout, type Message, messageBox } from '../ui/layout.ts'
import type { Part } from '../ui/markup.ts'
import { doneMessage, refusal } from '../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../ui/page-response.ts'
import { fieldErrors } from '../validation.ts'

const PAGE_SIZE = 60
/** What may go back into a form: never one of the secrets. */
const SHOWN_AGAIN = [
  'name',
  'folder_id',
  'subject',
  'remote_path',
  'token_kind',
  'app_key',
  'tenant_id',
  'client_id',
  'drive_kind',
  'drive',
]

export function cloudPages(deps: AppDeps, callApi: ApiCall) {
  const { db, vault } = deps
  const app = new Hono<AppEnv>()
  const may = (c: Context<AppEnv>, permission: Permission) => c.get('principal').permissions.has(permission)
  const send = (
    c: Context<AppEnv>,
    title: string,
    body: Part,
    message: Message | null = null,
    status: 200 | 422 = 200,
  ) => sendPage(c, layout({ title, principal: c.get('principal'), active: 'cloud', message, body }), status)

  app.get('/cloud', requires('read'), async (c) => {
    const query = new URL(c.req.url).searchParams
    const page = await listAccountViews(db, vault, {
      limit: PAGE_SIZE,
      cursor: query.get('cursor') ?? undefined,
    })
    const body = accountList({
      page,
      query,
      mayWrite: may(c, 'accounts:write'),
      mayCheck: may(c, 'runs:write'),
    })
    return send(c, accountTexts.title, body, doneMessage(c.req.query('done')))
  })

  app.get('/cloud/new', requires('read', 'accounts:write'), (c) => {
    const provider = providerOf(c.req.query('provider'))
    const body =
      provider === null
        ? providerChoice()
        : newAccountPage({ provider, values: {}, problem: null, isSaved: false })
    return send(c, accountTexts.addTitle, body)
  })

  app.post('/cloud/new', requires('read', 'accounts:write'), async (c) => {
    const provider = knownProvider(c)
    const form = await formOf(c)
    const answer = await callApi(c, 'POST', '/api/accounts', accountInput(provider, form))
    if (answer.ok) return redirectTo(c, '/cloud?done=account_created')
    const { problem } = answer
    const body = newAccountPage({ provider, values: shownAgain(form), problem, isSaved: false })
    return send(c, accountTexts.addTitle, body, null, 422)
  })

  app.post('/cloud/test', requires('read', 'accounts:write'), async (c) => {
    const provider = knownProvider(c)
    const form = await formOf(c)
    const result = await trial(provider, form)
    if (asksForPart(c)) return sendPage(c, result.shown)
    const accountId = c.req.query('account')
    if (accountId !== undefined) return showAccount(c, accountId, { ...result, form })
    const body = newAccountPage(
      { provider, values: shownAgain(form), problem: result.problem, isSaved: false },
      result.shown,
    )
    return send(c, accountTexts.addTitle, body)
  })

  async function trial(provider: ProviderKind, form: FormFields) {
    if (!hasCredentials(provider, form)) {
      return { shown: messageBox({ kind: 'warning', text: accountTexts.enterFirst }), problem: null }
    }
    const parsed = newAccountSchema.safeParse(accountInput(provider, form))
    if (parsed.success) return { shown: checkResult(await tryAccount(deps, parsed.data)), problem: null }
    const errors = fieldErrors(parsed.error)
    const text = errors
      .map(({ path, message }) => `${path.replace(/^.*\./, '').replaceAll('_', ' ')}: ${message}`)
      .join('; ')
    const problem: ApiProblem = { status: 422, detail: text, errors, run_id: null }
    return { shown: messageBox({ kind: 'danger', text }), problem }
  }

  async function knownAccount(id: string) {
    const account = await getAccount(db, vault, id)
    const view = account === null ? null : await viewAccount(db, account)
    if (view === null) throw notFound('account')
    return view
  }

  async function showAccount(
    c: Context<AppEnv>,
    id: string,
    after: {
      readonly problem: ApiProblem | null
      readonly form: FormFields | null
      readonly shown?: Part
    } = { problem: null, form: null },
  ) {
    const { problem, form: given, shown = null } = after
    const account = await knownAccount(id)
    const bindings = await listBindingViews(db, { account_id: id })
    const values = given === null ? formValues(account) : shownAgain(given)
    const form = { provider: account.provider, values, problem, isSaved: true }
    const body = accountPage({
      account,
      form,
      bindings,
      mayWrite: may(c, 'accounts:write'),
      mayCheck: may(c, 'runs:write'),
      check: shown,
    })
    const message: Message | null = problem === null ? doneMessage(c.req.query('done')) : refusal(problem)
    return send(c, account.name, body, message, problem === null ? 200 : 422)
  }

  app.get('/cloud/:id', requires('read'), (c) => showAccount(c, c.req.param('id')))

  app.post('/cloud/:id', requires('read', 'accounts:write'), async (c) => {
    const id = c.req.param('id')
    const { provider } = await knownAccount(id)
    const form = await formOf(c)
    const answer = await callApi(c, 'PATCH', `/api/accounts/${encodeURIComponent(id)}`, {
      name: form.text('name'),
      settings: settingsOf(provider, form),
      ...(hasCredentials(provider, form) ? { credentials: credentialsOf(provider, form) } : {}),
    })
    if (!answer.ok) return showAccount(c, id, { problem: answer.problem, form })
    return redirectTo(c, `/cloud/${encodeURIComponent(id)}?done=account_updated`)
  })

  app.post('/cloud/:id/check', requires('read', 'runs:write'), async (c) => {
    const id = c.req.param('id')
    const answer = await callApi(c, 'POST', `/api/accounts/${encodeURIComponent(id)}/check`)
    if (asksForPart(c)) {
      const card = accountCard(await knownAccount(id), { mayWrite: may(c, 'accounts:write'), mayCheck: true })
      return sendPage(c, answer.ok ? card : messageBox({ kind: 'danger', text: answer.problem.detail }))
    }
    if (!answer.ok) return showAccount(c, id, { problem: answer.problem, form: null })
    return redirectTo(c, `/cloud/${encodeURIComponent(id)}`)
  })

  app.post('/cloud/:id/delete', requires('read', 'accounts:write'), async (c) => {
    const id = c.req.param('id')
    const answer = await callApi(c, 'DELETE', `/api/accounts/${encodeURIComponent(id)}`)
    if (!answer.ok) return showAccount(c, id, { problem: answer.problem, form: null })
    return redirectTo(c, '/cloud?done=account_deleted')
  })

  return app
}

function knownProvider(c: Context<AppEnv>): ProviderKind {
  const provider = providerOf(c.req.query('provider'))
  if (provider === null) throw notFound('provider')
  return provider
}

function shownAgain(form: FormFields): Readonly<Record<string, string>> {
  return Object.fromEntries(SHOWN_AGAIN.map((name) => [name, form.text(name)]))
}
