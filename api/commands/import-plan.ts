// Plans an import from odoo-backup-app's data: what is created, and what each account still needs. The plan is pure. There,
// instances share one remote folder by default, and remote retention counts every file in it. Here each instance gets its own
// folder. Everything is checked with the API's schemas, and the plan leaves out what they refuse.

import { z } from 'zod'
import { folderPattern, mayCoincide } from '../../db/instances/folder-pattern.ts'
import type { ProviderKind } from '../../workflows/types.ts'
import { newAccountSchema } from '../schemas/accounts.ts'
import { newBindingSchema } from '../schemas/bindings.ts'
import { newInstanceSchema } from '../schemas/instances.ts'
import type { SourceAccount, SourceBinding, SourceData, SourceInstance } from './odoo-backup-app.ts'

export type PlannedAccount = {
  readonly source_id: number
  readonly name: string
  readonly provider: ProviderKind
  readonly credentials: Readonly<Record<string, unknown>>
  readonly settings: Readonly<Record<string, unknown>>
  /** What must be entered before the account can be created; empty when nothing is missing. */
  readonly needs: readonly string[]
}

type PlannedBinding = {
  readonly slug: string
  readonly account_source_id: number
  readonly remote_path: string
  readonly enabled: boolean
  readonly keep_last: number | null
}

export type ImportPlan = {
  readonly instances: readonly { readonly slug: string; readonly name: string }[]
  readonly accounts: readonly PlannedAccount[]
  readonly bindings: readonly PlannedBinding[]
  /** What is left out or changed, and why. */
  readonly notes: readonly string[]
  /** Bindings that cannot be created as they are, and why. A person has to create them. */
  readonly refused: readonly string[]
}

/** What a person adds to an account, by the account's name. */
export const additionsSchema = z.record(
  z.string(),
  z.strictObject({
    credentials: z.record(z.string(), z.unknown()).optional(),
    settings: z.record(z.string(), z.unknown()).optional(),
  }),
)
export type Additions = z.output<typeof additionsSchema>

/** Asks nobody and changes nothing. */
export function planImport(data: SourceData, additions: Additions = {}): ImportPlan {
  const notes: string[] = []
  const refused: string[] = []
  const instances = data.instances.filter((instance) => {
    const reason = refusal(newInstanceSchema.safeParse(newInstance(instance)))
    if (reason !== null) notes.push(`instance "${instance.slug}" is left out: its ${reason}`)
    return reason === null
  })
  const names = uniqueNames(data.accounts)
  const accounts = data.accounts.map((account) =>
    plannedAccount(account, names.get(account.id) ?? account.name, additions),
  )
  const bindings: PlannedBinding[] = []
  for (const binding of plannedBindings(data, instances, notes)) {
    const reason = bindingRefusal(binding, bindings)
    if (reason === null) bindings.push(binding)
    else {
      const account = names.get(binding.account_source_id)
      refused.push(`the binding of "${binding.slug}" to "${account}" is not made: ${reason}`)
    }
  }
  return { instances: instances.map(newInstance), accounts, bindings, notes, refused }
}

function newInstance({ slug, name }: SourceInstance) {
  return { slug, name: name.trim() === '' ? slug : name }
}

function refusal(parsed: z.ZodSafeParseResult<unknown>): string | null {
  if (parsed.success) return null
  return parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
}

function bindingRefusal(binding: PlannedBinding, accepted: readonly PlannedBinding[]): string | null {
  const { slug, account_source_id, ...values } = binding
  const reason = refusal(newBindingSchema.safeParse({ account_id: 'of the account', ...values }))
  if (reason !== null) return `${values.remote_path}: ${reason}`
  const folder = folderPattern(values.remote_path, slug)
  const clash = accepted.find(
    (other) =>
      other.account_source_id === account_source_id &&
      mayCoincide(folderPattern(other.remote_path, other.slug), folder),
  )
  return clash === undefined ? null : `"${clash.slug}" may use the same folder ${values.remote_path}`
}

/** odoo-backup-app allows several accounts of one name. */
function uniqueNames(accounts: readonly SourceAccount[]): ReadonlyMap<number, string> {
  const taken = new Set<string>()
  return new Map(
    accounts.map(({ id, name }) => {
      const plain = name.trim() === '' ? `account ${id}` : name.trim()
      let unique = plain
      for (let count = 2; taken.has(unique); count += 1) unique = `${plain} (${count})`
      taken.add(unique)
      return [id, unique]
    }),
  )
}

const PROVIDERS = { gdrive: 'google_drive', dropbox: 'dropbox', onedrive: 'onedrive' } as const

function plannedAccount(account: SourceAccount, name: string, additions: Additions): PlannedAccount {
  const provider = PROVIDERS[account.provider]
  const added = additions[name]
  const credentials = added?.credentials ?? usableCredentials(provider, account.credentials)
  const settings = added?.settings ?? {}
  const parsed = newAccountSchema.safeParse({ name, provider, credentials, settings })
  const needs = [
    ...(account.credentials === null && added?.credentials === undefined
      ? ['the key does not open its credentials']
      : []),
    // One line per part, however many faults it has: their messages may not quote a secret.
    ...new Set(
      (parsed.error?.issues ?? []).map(({ path: [part], message }) => neededOf(provider, part, message)),
    ),
  ]
  return { source_id: account.id, name, provider, credentials, settings, needs }
}

function neededOf(provider: ProviderKind, part: PropertyKey | undefined, message: string): string {
  if (part === 'credentials') return CREDENTIALS_NEEDED[provider]
  if (part === 'settings') return SETTINGS_NEEDED[provider]
  return `${String(part)} ${message}`
}

const CREDENTIALS_NEEDED: Readonly<Record<ProviderKind, string>> = {
  google_drive:
    'credentials { credentials_json }: the key file of a service account (an OAuth token of a person does not do)',
  dropbox: 'credentials { refresh_token, app_key, app_secret }',
  onedrive:
    'credentials { tenant_id, client_id, client_secret } of an application (a refresh token does not do)',
}

const SETTINGS_NEEDED: Readonly<Record<ProviderKind, string>> = {
  google_drive: 'settings { folder_id }: a folder in a shared drive that the service account may write to',
  dropbox: 'settings { remote_path? }',
  onedrive: 'settings { drive: { user }, { drive_id } or { site_id } }',
}

/** The fields that both programs have. */
function usableCredentials(
  provider: ProviderKind,
  given: Readonly<Record<string, unknown>> | null,
): Readonly<Record<string, unknown>> {
  if (given === null) return {}
  const pick = (...names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (given[name] ? [[name, given[name]]] : [])))
  switch (provider) {
    case 'google_drive':
      return given.private_key === undefined ? {} : { credentials_json: JSON.stringify(given) }
    case 'dropbox':
      return given.refresh_token ? pick('refresh_token', 'app_key', 'app_secret') : pick('access_token')
    case 'onedrive':
      // 'common' is the default there and names no directory.
      return given.tenant_id === 'common'
        ? pick('client_id', 'client_secret')
        : pick('tenant_id', 'client_id', 'client_secret')
  }
}

function plannedBindings(
  data: SourceData,
  instances: readonly SourceInstance[],
  notes: string[],
): readonly PlannedBinding[] {
  const planned = new Map<string, PlannedBinding>()
  for (const binding of data.bindings) {
    const instance = instances.find(({ id }) => id === binding.instance_id)
    const account = data.accounts.find(({ id }) => id === binding.cloud_account_id)
    if (instance === undefined || account === undefined) {
      notes.push(
        `a binding of instance ${binding.instance_id} is left out: its instance or account is not there`,
      )
      continue
    }
    const key = `${instance.id} ${account.id}`
    if (planned.has(key)) {
      notes.push(`a second binding of "${instance.slug}" to "${account.name}" is left out`)
      continue
    }
    planned.set(key, {
      slug: instance.slug,
      account_source_id: account.id,
      remote_path: ownFolder(binding, data.bindings, notes, instance.slug),
      enabled: binding.enabled && account.enabled,
      keep_last: keepLast(binding, instance, notes),
    })
  }
  return [...planned.values()]
}

/** The folder stays when no other instance uses it in this account. Otherwise it becomes a folder below it. */
function ownFolder(
  binding: SourceBinding,
  all: readonly SourceBinding[],
  notes: string[],
  slug: string,
): string {
  const folder = plainFolder(binding.remote_folder)
  const isShared = all.some(
    (other) =>
      other.cloud_account_id === binding.cloud_account_id &&
      other.instance_id !== binding.instance_id &&
      plainFolder(other.remote_folder).toLowerCase() === folder.toLowerCase(),
  )
  if (!isShared) return folder
  notes.push(`"${slug}" gets the folder ${folder}/{instance_slug}: other instances use ${folder} as well`)
  return `${folder}/{instance_slug}`
}

function plainFolder(folder: string | null): string {
  const segments = (folder ?? '/odoo-backups').split('/').filter((segment) => segment.trim() !== '')
  return `/${segments.map((segment) => segment.trim()).join('/')}`
}

function keepLast(binding: SourceBinding, instance: SourceInstance, notes: string[]): number | null {
  if (!binding.apply_retention_remotely) return null
  const { retention_mode, retention_value } = instance
  if (retention_mode === 'keep_last_n' && retention_value !== null && retention_value >= 1)
    return retention_value
  notes.push(
    `"${instance.slug}" keeps all copies: a number of days has no counterpart here; set keep_last yourself`,
  )
  return null
}
