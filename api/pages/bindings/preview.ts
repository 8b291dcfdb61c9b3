// The preview of a binding before it is saved: its folder, and what a prune would delete there now.

import { getAccount } from '../../../db/accounts/accounts.ts'
import type { Db } from '../../../db/database.ts'
import { listRuns } from '../../../db/runs/history.ts'
import { previewPrune } from '../../accounts/remote-files.ts'
import type { AppDeps } from '../../context.ts'
import { problemOf } from '../../http/problem-of.ts'
import { fieldErrors } from '../../http/validation.ts'
import { newBindingSchema } from '../../schemas/bindings.ts'
import { askedText } from '../../ui/explanation.ts'
import { faultText } from '../../ui/fault-text.ts'
import type { Markup } from '../../ui/markup.ts'
import { emptyWords, previewPart } from './form.ts'
import { remotePlace } from './remote-place.ts'
import { type BindingValues, bodyOf } from './values.ts'

type Draft = {
  readonly slug: string
  /** Null for a new binding. */
  readonly bindingId: string | null
  readonly values: BindingValues
}

/** A fault of any kind is shown in the preview. */
export async function preview(deps: AppDeps, { slug, bindingId, values }: Draft): Promise<Markup> {
  const { db, vault, log } = deps
  const account = await getAccount(db, vault, values.account_id)
  const parsed = newBindingSchema.safeParse(bodyOf(values))
  if (account === null || !parsed.success) {
    const errors = parsed.success ? [] : fieldErrors(parsed.error)
    const fault = errors.length === 0 ? null : emptyWords(faultText({ detail: '', errors }))
    const place = { path: values.remote_path, of: null, isNested: false }
    return previewPart({ place, plan: null, fault, retry: null })
  }
  const { remote_path = values.remote_path, keep_last, retention_scope = 'folder' } = parsed.data
  const database = await newestDatabase(db, slug)
  const place = remotePlace(account, { remote_path, instance_slug: slug, database })
  if (keep_last == null) return previewPart({ place, plan: null, fault: null, retry: null })
  try {
    const binding = { account_id: account.id, instance_slug: slug, remote_path, retention_scope }
    const plan = await previewPrune(deps, { ...binding, keep_last, database })
    return previewPart({ place, plan, fault: null, retry: null })
  } catch (error) {
    const fault = askedText(problemOf(error, log, 'the preview of a prune'))
    const retry = `/instances/${slug}/bindings/${bindingId ?? 'new'}`
    return previewPart({ place, plan: null, fault, retry })
  }
}

/** The database of the newest run is what the placeholder of the folder stands for. */
export async function newestDatabase(db: Db, slug: string): Promise<string | null> {
  return (await listRuns(db, { instance: slug, limit: 1 })).items[0]?.database ?? null
}
