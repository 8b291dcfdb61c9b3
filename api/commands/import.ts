// `cloud-sync import odoo-backup-app`: shows what it would bring over, and brings it over through the API. May be run
// again: what is there already stays as it is.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { accountSchema } from '../schemas/accounts.ts'
import { instanceSchema } from '../schemas/instances.ts'
import { type ApiClient, createApiClient } from './api-client.ts'
import { EXIT, type ExitCode, Failed, type Output } from './command.ts'
import {
  type Additions,
  additionsSchema,
  type ImportPlan,
  type PlannedAccount,
  planImport,
} from './import-plan.ts'
import { readOdooBackupApp } from './odoo-backup-app.ts'

export const IMPORT_USAGE = `cloud-sync import odoo-backup-app --database app.db --key secret.key [options]
  Brings instances, cloud accounts and bindings over from odoo-backup-app, whose files are only read.
  --dry-run           only show what would be done, and what each account still needs
  --additions FILE    JSON with what accounts need, by their name:
                      { "My Drive": { "credentials": { … }, "settings": { "folder_id": "…" } } }
  --url, --token-file as for upload; the token needs config:write, accounts:write and read
`

const bindingSchema = z.object({ id: z.string() })

export async function importCommand(args: readonly string[], output: Output): Promise<ExitCode> {
  const values = parse(args)
  const additions = values.additions === undefined ? {} : readAdditions(values.additions)
  const plan = planImport(readOdooBackupApp(values.database, values.key), additions)
  show(plan, output)
  if (values['dry-run'] === true) return EXIT.ok
  const client = await createApiClient({ url: values.url, tokenFile: values['token-file'] })
  await bringOver(plan, client, output)
  return plan.accounts.every((account) => account.needs.length === 0) ? EXIT.ok : EXIT.failed
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        database: { type: 'string' },
        key: { type: 'string' },
        additions: { type: 'string' },
        'dry-run': { type: 'boolean' },
        url: { type: 'string' },
        'token-file': { type: 'string' },
      },
    })
    const { database, key } = values
    if (positionals.join(' ') !== 'odoo-backup-app' || database === undefined || key === undefined) {
      throw new Failed(EXIT.badInput, `odoo-backup-app, --database and --key are needed\n\n${IMPORT_USAGE}`)
    }
    return { ...values, database, key }
  } catch (error) {
    if (error instanceof TypeError) throw new Failed(EXIT.badInput, `${error.message}\n\n${IMPORT_USAGE}`)
    throw error
  }
}

function readAdditions(file: string): Additions {
  try {
    return additionsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    // The parser's own message would quote the text, which may be a credential.
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : 'it cannot be read as JSON'
    throw new Failed(EXIT.badInput, `${file}: ${reason}`)
  }
}

function show(plan: ImportPlan, output: Output): void {
  for (const { slug, name } of plan.instances) output.print(`instance  ${slug} (${name})\n`)
  for (const { name, provider, needs } of plan.accounts) {
    output.print(`account   ${name} (${provider})${needs.length === 0 ? '' : ': not made, it needs'}\n`)
    for (const need of needs) output.print(`            ${need}\n`)
  }
  for (const { slug, account_source_id, remote_path, keep_last, enabled } of plan.bindings) {
    const account = plan.accounts.find(({ source_id }) => source_id === account_source_id)
    const kept = keep_last === null ? 'keeps all' : `keeps the last ${keep_last}`
    output.print(
      `binding   ${slug} → ${account?.name} ${remote_path}, ${kept}${enabled ? '' : ', switched off'}\n`,
    )
  }
  for (const note of plan.notes) output.print(`note      ${note}\n`)
}

async function bringOver(plan: ImportPlan, client: ApiClient, output: Output): Promise<void> {
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
  const accountIds = new Map<number, string>()
  for (const account of plan.accounts.filter(({ needs }) => needs.length === 0)) {
    const id =
      (await make('/api/accounts', accountSchema, bodyOf(account)))?.id ?? (await idOf(client, account.name))
    accountIds.set(account.source_id, id)
  }
  let waiting = 0
  for (const { slug, account_source_id, ...binding } of plan.bindings) {
    const account_id = accountIds.get(account_source_id)
    if (account_id === undefined) waiting += 1
    else await make(`/api/instances/${slug}/bindings`, bindingSchema, { account_id, ...binding })
  }
  output.print(`${made} made; what was there already stayed as it is\n`)
  if (waiting > 0)
    output.print(
      `${waiting} bindings wait for their account: complete it by --additions and run this again\n`,
    )
}

function bodyOf({ name, provider, credentials, settings }: PlannedAccount) {
  return { name, provider, credentials, settings }
}

const accountPage = z.object({ items: z.array(accountSchema), next_cursor: z.string().nullable() })

async function idOf(client: ApiClient, name: string): Promise<string> {
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`
    const page: z.output<typeof accountPage> = await client.request(
      'GET',
      `/api/accounts?limit=200${query}`,
      accountPage,
    )
    const found = page.items.find((account) => account.name === name)
    if (found !== undefined) return found.id
    cursor = page.next_cursor
  }
  throw new Failed(EXIT.failed, `the account "${name}" is there and cannot be found`)
}
