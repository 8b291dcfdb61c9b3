// The fields of a binding's form: as a browser sends them, as a saved binding has them, and as the API takes them.

import { DEFAULT_REMOTE_PATH } from '../../../db/instances/folder-pattern.ts'
import type { Binding } from '../../../db/schema.ts'
import type { FormFields } from '../../ui/form-data.ts'

export type BindingValues = {
  readonly account_id: string
  readonly remote_path: string
  readonly enabled: boolean
  readonly keep_last: string
  readonly retention_scope: string
}

export const NEW_BINDING: BindingValues = {
  account_id: '',
  remote_path: DEFAULT_REMOTE_PATH,
  enabled: true,
  keep_last: '',
  retention_scope: 'folder',
}

/** From the form, or from the address while somebody types. */
export function valuesOf(form: FormFields): BindingValues {
  return {
    account_id: form.text('account_id'),
    remote_path: form.text('remote_path'),
    enabled: form.isOn('enabled'),
    keep_last: form.text('keep_last'),
    retention_scope: form.optional('retention_scope') ?? NEW_BINDING.retention_scope,
  }
}

/** As the form of a saved binding shows them. */
export function valuesOfBinding({
  account_id,
  remote_path,
  enabled,
  keep_last,
  retention_scope,
}: Binding): BindingValues {
  return {
    account_id,
    remote_path,
    enabled,
    keep_last: keep_last === null ? '' : String(keep_last),
    retention_scope,
  }
}

/** As the API takes it. A text that is no number goes there unchanged, and the API says what is wrong. */
export function bodyOf(values: BindingValues) {
  const { account_id, remote_path, enabled, retention_scope, keep_last } = values
  const keep = keep_last === '' ? null : /^\d{1,9}$/.test(keep_last) ? Number(keep_last) : keep_last
  return { account_id, remote_path, enabled, keep_last: keep, retention_scope }
}
