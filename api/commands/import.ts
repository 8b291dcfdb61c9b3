// `cloud-sync import odoo-backup-app`: shows what it would import, and imports it through the API (import-target.ts). It
// reports every problem that can be known before it creates anything.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { createApiClient } from './api-client.ts'
import { EXIT, type ExitCode, Failed, type Output } from './command.ts'
import { type Additions, additionsSchema, type ImportPlan, planImport } from './import-plan.ts'
import { bringOver } from './import-target.ts'
import { readOdooBackupApp } from './odoo-backup-app.ts'

export const IMPORT_USAGE = `cloud-sync import odoo-backup-app --database app.db --key secret.key [options]
  Brings instances, cloud accounts and bindings over from odoo-backup-app, whose files are only read.
  --dry-run           only show what would be done, and what each account still needs
  --additions FILE    JSON with what accounts need, by their name as --dry-run shows it:
                      { "My Drive": { "credentials": { … }, "settings": { "folder_id": "…" } } }
  --url, --token-file as for upload; the token needs config:write, accounts:write and read
`

/** Resolves with the exit code. Throws Failed. */
export async function importCommand(args: readonly string[], output: Output): Promise<ExitCode> {
  const values = parse(args)
  const additions = values.additions === undefined ? {} : readAdditions(values.additions)
  const plan = planImport(readOdooBackupApp(values.database, values.key), additions)
  refuseUnknown(additions, plan)
  show(plan, output)
  if (values['dry-run'] === true) return EXIT.ok
  const client = await createApiClient({ url: values.url, tokenFile: values['token-file'] })
  const { waiting } = await bringOver(plan, client, output)
  return waiting.length === 0 && plan.refused.length === 0 ? EXIT.ok : EXIT.failed
}

/** A misspelt name would leave its account without what it needs. */
function refuseUnknown(additions: Additions, { accounts }: ImportPlan): void {
  const unknown = Object.keys(additions).filter((name) => !accounts.some((account) => account.name === name))
  if (unknown.length === 0) return
  const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ')
  throw new Failed(
    EXIT.badInput,
    `the additions name accounts that are not there: ${quoted(unknown)}; there are ${quoted(accounts.map(({ name }) => name)) || 'none'}`,
  )
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
  for (const reason of plan.refused) output.print(`refused   ${reason}\n`)
}
