// /cloud: the list of cloud accounts, and the forms that add, try, change, check and delete one.

import { type Context, Hono } from 'hono'
import { listAccountViews } from '../../../db/views/accounts.ts'
import { lastUploads } from '../../../db/views/last-uploads.ts'
import type { ProviderKind } from '../../../workflows/types.ts'
import { may, requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { orNotFound } from '../../http/problem.ts'
import type { ApiCall } from '../../ui/api-call.ts'
import { faultText } from '../../ui/fault-text.ts'
import { formOf } from '../../ui/form-data.ts'
import { doneMessage } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage, sendWholePage } from '../../ui/page-response.ts'
import { accountCard } from './card.ts'
import {
  accountInput,
  credentialsOf,
  filledSecrets,
  hasCredentials,
  providerOf,
  settingsOf,
  shownAgain,
} from './input.ts'
import { accountForm, accountList, accountTexts, newAccountPage, providerChoice } from './pages.ts'
import { knownAccount, showAccount } from './show.ts'
import { tryForm } from './trial.ts'

const PAGE_SIZE = 60

export function cloudPages(deps: AppDeps, callApi: ApiCall) {
  const app = new Hono<AppEnv>()

  app.get('/cloud', requires('read'), (c) => showList(deps, c))

  app.get('/cloud/new', requires('read', 'accounts:write'), (c) => {
    const provider = providerOf(c.req.query('provider'))
    const body =
      provider === null
        ? providerChoice()
        : newAccountPage({ provider, values: {}, problem: null, isSaved: false })
    return sendWholePage(c, { title: accountTexts.addTitle, active: 'cloud', body })
  })

  app.post('/cloud/new', requires('read', 'accounts:write'), (c) => create(c, callApi))
  app.post('/cloud/test', requires('read', 'accounts:write'), (c) => showTrial(deps, c))
  app.get('/cloud/:id', requires('read'), (c) => showAccount(deps, c, c.req.param('id')))

  app.post('/cloud/:id', requires('read', 'accounts:write'), (c) =>
    update(deps, c, callApi, c.req.param('id')),
  )

  app.post('/cloud/:id/check', requires('read', 'runs:write'), (c) =>
    check(deps, c, callApi, c.req.param('id')),
  )

  app.post('/cloud/:id/delete', requires('read', 'accounts:write'), async (c) => {
    const id = c.req.param('id')
    const answer = await callApi(c, 'DELETE', apiPath(id))
    if (!answer.ok) return showAccount(deps, c, id, { problem: answer.problem, form: null })
    return redirectTo(c, '/cloud?done=account_deleted')
  })

  return app
}

async function showList({ db, vault }: AppDeps, c: Context<AppEnv>): Promise<Response> {
  const query = new URL(c.req.url).searchParams
  const cursor = query.get('cursor') ?? undefined
  const page = await listAccountViews(db, vault, { limit: PAGE_SIZE, cursor })
  const ids = page.items.map(({ id }) => id)
  const body = accountList({
    page,
    uploads: await lastUploads(db, ids),
    query,
    mayWrite: may(c, 'accounts:write'),
    mayCheck: may(c, 'runs:write'),
  })
  const message = doneMessage(c.req.query('done'))
  return sendWholePage(c, { title: accountTexts.title, active: 'cloud', message, body })
}

async function create(c: Context<AppEnv>, callApi: ApiCall): Promise<Response> {
  const provider = knownProvider(c)
  const form = await formOf(c)
  const answer = await callApi(c, 'POST', '/api/accounts', accountInput(provider, form))
  if (answer.ok) return redirectTo(c, '/cloud?done=account_created')
  const view = { provider, values: shownAgain(form), problem: answer.problem, isSaved: false }
  if (asksForPart(c)) return sendPage(c, accountForm({ form: view, accountId: null, check: null }), 422)
  const body = newAccountPage({ ...view, lostSecrets: filledSecrets(provider, form) })
  return sendWholePage(c, { title: accountTexts.addTitle, active: 'cloud', body }, 422)
}

/** Of a new account, or of a saved one with what is in its form. */
async function showTrial(deps: AppDeps, c: Context<AppEnv>): Promise<Response> {
  const accountId = c.req.query('account')
  const account = accountId === undefined ? null : await knownAccount(deps, accountId)
  const provider = account?.provider ?? knownProvider(c)
  const form = await formOf(c)
  const { shown, problem } = await tryForm(deps, provider, form, account)
  if (asksForPart(c)) return sendPage(c, shown)
  if (account !== null) return showAccount(deps, c, account.id, { problem, form, shown })
  const lostSecrets = filledSecrets(provider, form)
  const view = { provider, values: shownAgain(form), problem, isSaved: false, lostSecrets }
  const body = newAccountPage(view, shown)
  return sendWholePage(c, { title: accountTexts.addTitle, active: 'cloud', body })
}

async function update(deps: AppDeps, c: Context<AppEnv>, callApi: ApiCall, id: string): Promise<Response> {
  const { provider } = await knownAccount(deps, id)
  const form = await formOf(c)
  const answer = await callApi(c, 'PATCH', apiPath(id), {
    name: form.text('name'),
    settings: settingsOf(provider, form),
    ...(hasCredentials(provider, form) ? { credentials: credentialsOf(provider, form) } : {}),
  })
  if (answer.ok) return redirectTo(c, `/cloud/${encodeURIComponent(id)}?done=account_updated`)
  const { problem } = answer
  if (!asksForPart(c)) return showAccount(deps, c, id, { problem, form })
  const view = { provider, values: shownAgain(form), problem, isSaved: true }
  return sendPage(c, accountForm({ form: view, accountId: id, check: null }), 422)
}

async function check(deps: AppDeps, c: Context<AppEnv>, callApi: ApiCall, id: string): Promise<Response> {
  const answer = await callApi(c, 'POST', `${apiPath(id)}/check`)
  if (asksForPart(c)) {
    const card = accountCard({
      account: await knownAccount(deps, id),
      lastUpload: (await lastUploads(deps.db, [id])).get(id) ?? null,
      mayWrite: may(c, 'accounts:write'),
      mayCheck: true,
      isOwnPage: c.req.query('own') !== undefined,
      ...(answer.ok ? {} : { notice: faultText(answer.problem) }),
    })
    return sendPage(c, card)
  }
  if (!answer.ok) return showAccount(deps, c, id, { problem: answer.problem, form: null })
  return redirectTo(c, `/cloud/${encodeURIComponent(id)}`)
}

function apiPath(id: string): string {
  return `/api/accounts/${encodeURIComponent(id)}`
}

function knownProvider(c: Context<AppEnv>): ProviderKind {
  return orNotFound(providerOf(c.req.query('provider')), 'provider')
}
