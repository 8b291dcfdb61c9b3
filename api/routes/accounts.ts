// /api/accounts: cloud accounts. Credentials go in and never come out. An activity checks the account, because only workers
// have the provider's code and open credentials.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { accountShapes } from '../../db/accounts/account-shapes.ts'
import {
  type Account,
  type AccountPatch,
  createAccount,
  deleteAccount,
  getAccount,
  listAccounts,
  updateAccount,
} from '../../db/accounts/accounts.ts'
import { saveAccountCheck } from '../../db/views/accounts.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import { checkAccount } from '../accounts/check-account.ts'
import { credentialsHint } from '../accounts/credentials-hint.ts'
import type { AppDeps } from '../context.ts'
import { type FieldError, invalidInput, notFound, orNotFound } from '../http/problem.ts'
import { fieldErrors } from '../http/validation.ts'
import {
  accountCheckSchema,
  accountPatchSchema,
  accountSchema,
  newAccountSchema,
} from '../schemas/accounts.ts'
import {
  created,
  DEFAULT_PAGE_SIZE,
  idParam,
  json,
  jsonBody,
  pageOf,
  pageQuery,
  problems,
} from '../schemas/shared.ts'
import { audited } from './audited.ts'

const tags = ['Accounts']

const list = createRoute({
  method: 'get',
  path: '/api/accounts',
  operationId: 'listAccounts',
  summary: 'All accounts, by name',
  tags,
  ...needs('read'),
  request: { query: z.object(pageQuery) },
  responses: { 200: json(pageOf(accountSchema, 'AccountPage'), 'A page of accounts'), ...problems(422) },
})

const create = createRoute({
  method: 'post',
  path: '/api/accounts',
  operationId: 'createAccount',
  summary: 'Create an account',
  tags,
  ...needs('accounts:write'),
  request: {
    body: jsonBody(newAccountSchema, 'The new account; its credentials are sealed and never shown'),
  },
  responses: { 201: created(accountSchema, 'Created'), ...problems(400, 409, 413, 415, 422) },
})

const read = createRoute({
  method: 'get',
  path: '/api/accounts/{id}',
  operationId: 'getAccount',
  summary: 'One account',
  tags,
  ...needs('read'),
  request: { params: idParam },
  responses: { 200: json(accountSchema, 'The account'), ...problems(404) },
})

const patch = createRoute({
  method: 'patch',
  path: '/api/accounts/{id}',
  operationId: 'updateAccount',
  summary: 'Change an account',
  description: 'Fields that are left out stay. New credentials also end a pause of the account.',
  tags,
  ...needs('accounts:write'),
  request: { params: idParam, body: jsonBody(accountPatchSchema, 'What changes') },
  responses: {
    200: json(accountSchema, 'The account as it is now'),
    ...problems(400, 404, 409, 413, 415, 422),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/accounts/{id}',
  operationId: 'deleteAccount',
  summary: 'Delete an account',
  description: 'Refused while instances are bound to it. The history of its uploads stays.',
  tags,
  ...needs('accounts:write'),
  request: { params: idParam },
  responses: { 204: { description: 'Deleted' }, ...problems(404, 409) },
})

const check = createRoute({
  method: 'post',
  path: '/api/accounts/{id}/check',
  operationId: 'checkAccount',
  summary: 'Try the account against the provider',
  tags,
  ...needs('runs:write'),
  request: { params: idParam },
  responses: { 200: json(accountCheckSchema, 'What came of it: `ok` tells'), ...problems(404, 502) },
})

export function accountRoutes(deps: AppDeps) {
  const { db, vault } = deps
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(list, async (c) => {
    const { limit = DEFAULT_PAGE_SIZE, cursor } = c.req.valid('query')
    return c.json(await listAccounts(db, vault, { limit, cursor }), 200)
  })

  app.openapi(create, async (c) => {
    const { name, provider, credentials, settings = {} } = c.req.valid('json')
    const shown = { name, provider, settings, credentials_hint: credentialsHint(provider, credentials) }
    const account = await audited(db, c.get('principal'), async (trx, note) => {
      const made = await createAccount(trx, vault, { ...shown, credentials })
      await note({ event: 'account_created', account_id: made.id, details: shown })
      return made
    })
    return c.json(account, 201, { location: `/api/accounts/${account.id}` })
  })

  app.openapi(read, async (c) => {
    const account = orNotFound(await getAccount(db, vault, c.req.valid('param').id), 'account')
    return c.json(account, 200)
  })

  app.openapi(patch, async (c) => {
    const { id } = c.req.valid('param')
    const given = c.req.valid('json')
    const account = await audited(db, c.get('principal'), async (trx, note) => {
      const before = orNotFound(await getAccount(trx, vault, id), 'account')
      const change = checkedPatch(before, given)
      if (Object.keys(change).length === 0) return before
      const after = orNotFound(await updateAccount(trx, vault, id, change), 'account')
      const new_credentials = 'credentials' in change
      const details = { before: visible(before), after: visible(after), new_credentials }
      await note({ event: 'account_updated', account_id: id, details })
      return after
    })
    return c.json(account, 200)
  })

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    await audited(db, c.get('principal'), async (trx, note) => {
      const before = orNotFound(await getAccount(trx, vault, id), 'account')
      if (!(await deleteAccount(trx, id))) throw notFound('account')
      await note({ event: 'account_deleted', account_id: id, details: visible(before) })
    })
    return c.body(null, 204)
  })

  app.openapi(check, async (c) => {
    const { id } = c.req.valid('param')
    orNotFound(await getAccount(db, vault, id), 'account')
    const outcome = await checkAccount(deps, id)
    const details = { ok: outcome.ok, code: outcome.error?.code ?? null }
    await audited(db, c.get('principal'), async (trx, note) => {
      await saveAccountCheck(trx, id, outcome)
      await note({ event: 'account_checked', account_id: id, details })
    })
    return c.json(outcome, 200)
  })

  return app
}

function visible({ name, provider, settings, credentials_hint }: Account) {
  return { name, provider, settings, credentials_hint }
}

/** The patch, checked with the shapes of this provider's accounts. Throws a 422. */
function checkedPatch(account: Account, given: z.infer<typeof accountPatchSchema>): AccountPatch {
  const shapes = accountShapes[account.provider]
  const errors: FieldError[] = []
  let change: AccountPatch = given.name === undefined ? {} : { name: given.name }
  if (given.settings !== undefined) {
    const parsed = shapes.settings.safeParse(given.settings)
    if (parsed.success) change = { ...change, settings: parsed.data }
    else errors.push(...fieldErrors(parsed.error, 'settings'))
  }
  if (given.credentials !== undefined) {
    const parsed = shapes.credentials.safeParse(given.credentials)
    if (parsed.success) {
      const hint = credentialsHint(account.provider, parsed.data)
      change = { ...change, credentials: parsed.data, credentials_hint: hint }
    } else errors.push(...fieldErrors(parsed.error, 'credentials'))
  }
  if (errors.length > 0) throw invalidInput(errors)
  return change
}
