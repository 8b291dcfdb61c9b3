// What an account's check answers when it has found a fault.

import { adviceOf, type ErrorCode } from '../../workflows/errors.ts'
import { joinedMessage, withFullStop } from '../../workflows/explanation.ts'
import type { AccountCheck } from './provider.ts'

type Fault = { readonly code: ErrorCode; readonly fact: string; readonly advice?: string }

/** `space`: as far as it was known by then. */
export function failedCheck(
  { code, fact, advice = adviceOf(code) }: Fault,
  space: AccountCheck['space'] = null,
): AccountCheck {
  const explanation = { fact: withFullStop(fact), advice }
  const error = { code, message: joinedMessage(explanation), ...explanation }
  return { ok: false, detail: error.message, space, error }
}
