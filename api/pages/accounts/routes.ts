// /cloud: cloud accounts. "Test connection" tries what is in the form before anything is saved (api/accounts/check-account.ts).

import { type Context, Hono } from 'hono'
import { accountShapes } from '../../../db/accounts/account-shapes.ts'
import { type Account, getAccount } from '../../../db/accounts/accounts.ts'
import { listAccountViews, viewAccount } from '../../../db/views/accounts.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import { lastUploads } from '../../../db/views/last-uploads.ts'
import type { ProviderKind } from '../../../workflows/types.ts'
import { requires } from '../../access/permission-check.ts'
import type { Permission } from '../../access/permissions.ts'
import type { AppEnv } from '../../access/principal.ts'
import { tryAccount, trySettings } from '../../accounts/check-account.ts'
import type { AppDeps } from '../../context.ts'
import { invalidInput, notFound } from '../../http/problem.ts'
import { problemOf } from '../../http/problem-of.ts'
import { fieldErrors } from '../../http/validation.ts'
import { newAccountSchema } from '../../schemas/accounts.ts'
import type { ApiCall, ApiProblem } from '../../ui/api-call.ts'
import { faultText } from '../../ui/fault-text.ts'
import { type FormFields, formOf } from '../../ui/form-data.ts'
import { layout, type Message, messageBox } from '../../ui/layout.ts'
import type { Markup, Part } from '../../ui/markup.ts'
import { doneMessage, refusal } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../../ui/page-response.ts'
import { PROVIDER_NAMES } from '../../ui/status-words.ts'
import { accountCard, checkResult } from './card.ts'
import {
  accountInput,
  credentialsOf,
  filledSecrets,
  hasCredentials,
  providerOf,
  settingsOf,
} from './input.ts'
import {
  accountForm,
  accountList,
  accountPage,
  accountTexts,
  formValues,
  newAccountPage,
  providerChoice,
} from './pages.ts'

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
  const { db, vault, log } = deps
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
    const uploads = await lastUploads(
      db,
      page.items.map(({ id }) => id),
    )
    const body = accountList({
      page,
      uploads,
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
    const view = { provider, values: shownAgain(form), problem, isSaved: false }
    if (asksForPart(c)) return sendPage(c, accountForm({ form: view, accountId: null, check: null }), 422)
    const body = newAccountPage({ ...view, lostSecrets: filledSecrets(provider, form) })
    return send(c, accountTexts.addTitle, body, null, 422)
  })

  app.post('/cloud/test', requires('read', 'accounts:write'), async (c) => {
    const accountId = c.req.query('account')
    const account = accountId === undefined ? null : await knownAccount(accountId)
    const provider = account?.provider ?? knownProvider(c)
    const form = await formOf(c)
    const { shown, problem } = await trial(provider, form, account)
    if (asksForPart(c)) return sendPage(c, shown)
    if (account !== null) return showAccount(c, account.id, { problem, form, shown })
    const lostSecrets = filledSecrets(provider, form)
    const view = { provider, values: shownAgain(form), problem, isSaved: false, lostSecrets }
    return send(c, accountTexts.addTitle, newAccountPage(view, shown))
  })

  /** What is in the form, with the stored credentials where it has none. A fault of any kind is the result. */
  async function trial(
    provider: ProviderKind,
    form: FormFields,
    account: Account | null,
  ): Promise<{ readonly shown: Markup; readonly problem: ApiProblem | null }> {
    try {
      const outcome =
        account === null || hasCredentials(provider, form)
          ? await tryAccount(deps, checkedInput(provider, form))
          : await trySettings(deps, account, checkedSettings(provider, form))
      return { shown: checkResult(outcome), problem: null }
    } catch (error) {
      const { status, message: detail, options } = problemOf(error, log, 'the test of an account')
      const { errors = [] } = options
      const text = errors.length === 0 ? detail : faultText({ detail, errors })
      const problem = errors.length === 0 ? null : { status, detail, errors, run_id: null }
      return { shown: messageBox({ kind: 'danger', text }), problem }
    }
  }

  async function knownAccount(id: string) {
    const account = await getAccount(db, vault, id)
    const view = account === null ? null : await viewAccount(db, account)
    if (view === null) throw notFound('account')
    return view
  }

  async function lastUploadOf(id: string): Promise<string | null> {
    return (await lastUploads(db, [id])).get(id) ?? null
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
    const { provider } = account
    const [bindings, lastUpload] = await Promise.all([
      listBindingViews(db, { account_id: id }),
      lastUploadOf(id),
    ])
    const form =
      given === null
        ? { provider, values: formValues(account), problem: null, isSaved: true }
        : {
            provider,
            values: shownAgain(given),
            problem,
            isSaved: true,
            lostSecrets: filledSecrets(provider, given),
          }
    const body = accountPage({
      account,
      lastUpload,
      form,
      bindings,
      mayWrite: may(c, 'accounts:write'),
      mayCheck: may(c, 'runs:write'),
      check: shown,
    })
    // What is wrong with the form is said in the form.
    const message: Message | null =
      problem === null ? doneMessage(c.req.query('done')) : given === null ? refusal(problem) : null
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
    if (answer.ok) return redirectTo(c, `/cloud/${encodeURIComponent(id)}?done=account_updated`)
    const { problem } = answer
    if (!asksForPart(c)) return showAccount(c, id, { problem, form })
    const view = { provider, values: shownAgain(form), problem, isSaved: true }
    return sendPage(c, accountForm({ form: view, accountId: id, check: null }), 422)
  })

  app.post('/cloud/:id/check', requires('read', 'runs:write'), async (c) => {
    const id = c.req.param('id')
    const answer = await callApi(c, 'POST', `/api/accounts/${encodeURIComponent(id)}/check`)
    if (asksForPart(c)) {
      const card = accountCard({
        account: await knownAccount(id),
        lastUpload: await lastUploadOf(id),
        mayWrite: may(c, 'accounts:write'),
        mayCheck: true,
        isOwnPage: c.req.query('own') !== undefined,
        ...(answer.ok ? {} : { notice: faultText(answer.problem) }),
      })
      return sendPage(c, card)
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

/** Throws Problem 422. A name is not needed for a trial. */
function checkedInput(provider: ProviderKind, form: FormFields) {
  const input = accountInput(provider, form)
  const parsed = newAccountSchema.safeParse({ ...input, name: input.name || PROVIDER_NAMES[provider] })
  if (!parsed.success) throw invalidInput(fieldErrors(parsed.error))
  return parsed.data
}

/** Throws Problem 422. */
function checkedSettings(provider: ProviderKind, form: FormFields) {
  const parsed = accountShapes[provider].settings.safeParse(settingsOf(provider, form))
  if (!parsed.success) throw invalidInput(fieldErrors(parsed.error, 'settings'))
  return parsed.data
}

function shownAgain(form: FormFields): Readonly<Record<string, string>> {
  return Object.fromEntries(SHOWN_AGAIN.map((name) => [name, form.text(name)]))
}
