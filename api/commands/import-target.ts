// Carries out an import through the API. What exists already is left alone, so an import may be repeated, also after it broke
// off. Accounts are matched by name and provider: nothing is ever bound to an account of the same name at another provider.

import { z } from 'zod'
import type { ProviderKind } from '../../workflows/types.ts'
import { accountSchema } from '../schemas/accounts.ts'
import { instanceSchema } from '../schemas/instances.ts'
import type { ApiClient } from './api-client.ts'
import { EXIT, Failed, type Output } from './command.ts'
import type { ImportPlan, PlannedAccount } from './import-plan.ts'

const madeSchema = z.object({ id: z.string() })
const accountPage = z.object({ items: z.array(accountSchema), next_cursor: z.string().nullable() })

type There = { readonly id: string; readonly provider: ProviderKind }

type BroughtOver = {
  /** Accounts that still need something, by name. Their bindings are not created. */
  readonly waiting: readonly string[]
}

/** Throws Failed. When an account of the same name exists at another provider, it does so before anything is created. */
export async function bringOver(plan: ImportPlan, client: ApiClient, output: Output): Promise<BroughtOver> {
  const there = await accountsThere(client)
  for (const account of plan.accounts) refuseOther(account, there.get(account.name), 'Nothing was changed.')

  let made = 0
  const make = async <T>(path: string, schema: z.ZodType<T>, body: object): Promise<T | null> => {
    const created = await client.create(path, schema, body)
    if ('made' in created) {
      made += 1
      return created.made
    }
    output.print(`note      ${path}: ${created.refused}\n`)
    return null
  }

  for (const instance of plan.instances) await make('/api/instances', instanceSchema, instance)
  const ids = new Map<number, string>()
  for (const account of plan.accounts) {
    // An account that a person completed here counts as well as one that this import creates.
    const id = there.get(account.name)?.id ?? (await makeAccount(account))
    if (id !== null) ids.set(account.source_id, id)
  }

  async function makeAccount(account: PlannedAccount): Promise<string | null> {
    const { name, provider, credentials, settings, needs } = account
    if (needs.length > 0) return null
    const created = await make('/api/accounts', accountSchema, { name, provider, credentials, settings })
    if (created !== null) return created.id
    // An account of that name was created in the meantime.
    const now = (await accountsThere(client)).get(name)
    refuseOther(account, now, 'Run this again afterwards: it goes on from here.')
    if (now === undefined) throw new Failed(EXIT.failed, `the account "${name}" is there and cannot be found`)
    return now.id
  }

  let unbound = 0
  for (const { slug, account_source_id, ...binding } of plan.bindings) {
    const account_id = ids.get(account_source_id)
    if (account_id === undefined) unbound += 1
    else await make(`/api/instances/${slug}/bindings`, madeSchema, { account_id, ...binding })
  }
  output.print(`${made} made; what was there already stayed as it is\n`)
  if (unbound > 0) {
    output.print(
      `${unbound} bindings wait for their account: complete it by --additions, or make it here under the same name, and run this again\n`,
    )
  }
  return { waiting: plan.accounts.filter(({ source_id }) => !ids.has(source_id)).map(({ name }) => name) }
}

function refuseOther({ name, provider }: PlannedAccount, there: There | undefined, then: string): void {
  if (there === undefined || there.provider === provider) return
  throw new Failed(
    EXIT.badInput,
    `the account "${name}" of odoo-backup-app is for ${provider}, and the one of that name here is for ` +
      `${there.provider}: rename that one first. ${then}`,
  )
}

async function accountsThere(client: ApiClient): Promise<ReadonlyMap<string, There>> {
  const found = new Map<string, There>()
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`
    const page: z.output<typeof accountPage> = await client.request(
      'GET',
      `/api/accounts?limit=200${query}`,
      accountPage,
    )
    for (const { name, id, provider } of page.items) found.set(name, { id, provider })
    cursor = page.next_cursor
  }
  return found
}
