// "Test connection": tries what is in the form before anything is saved (api/accounts/check-account.ts).

import { accountShapes } from '../../../db/accounts/account-shapes.ts'
import type { Account } from '../../../db/accounts/accounts.ts'
import type { ProviderKind } from '../../../workflows/types.ts'
import { tryAccount, trySettings } from '../../accounts/check-account.ts'
import type { AppDeps } from '../../context.ts'
import { invalidInput } from '../../http/problem.ts'
import { problemOf } from '../../http/problem-of.ts'
import { fieldErrors } from '../../http/validation.ts'
import { newAccountSchema } from '../../schemas/accounts.ts'
import type { ApiProblem } from '../../ui/api-call.ts'
import { askedText } from '../../ui/explanation.ts'
import { faultText } from '../../ui/fault-text.ts'
import type { FormFields } from '../../ui/form-data.ts'
import { messageBox } from '../../ui/layout.ts'
import type { Markup } from '../../ui/markup.ts'
import { PROVIDER_NAMES } from '../../ui/status-words.ts'
import { checkResult } from './card.ts'
import { accountInput, hasCredentials, settingsOf } from './input.ts'

type Trial = {
  readonly shown: Markup
  /** What is wrong with the form; null when its fields are right. */
  readonly problem: ApiProblem | null
}

/** With the stored credentials of `account` where the form has none. A fault of any kind is the result. */
export async function tryForm(
  deps: AppDeps,
  provider: ProviderKind,
  form: FormFields,
  account: Account | null,
): Promise<Trial> {
  try {
    const outcome =
      account === null || hasCredentials(provider, form)
        ? await tryAccount(deps, checkedInput(provider, form))
        : await trySettings(deps, account, checkedSettings(provider, form))
    return { shown: checkResult(outcome), problem: null }
  } catch (error) {
    const found = problemOf(error, deps.log, 'the test of an account')
    const { status, options } = found
    const { errors = [] } = options
    const detail = askedText(found)
    const text = errors.length === 0 ? detail : faultText({ detail, errors })
    const problem = errors.length === 0 ? null : { status, detail, errors, run_id: null }
    return { shown: messageBox({ kind: 'danger', text }), problem }
  }
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
