// An error for a person: what happened, and what to do, which is never missing.

import { ERROR_RULES, isErrorCode } from '../../workflows/errors.ts'
import {
  type Explanation,
  explanationOf,
  joinedMessage,
  type WrittenError,
} from '../../workflows/explanation.ts'
import type { Problem } from '../http/problem.ts'
import { html, type Markup } from './markup.ts'

const texts = { whatToDo: 'What to do:', tryAgain: 'Try again in a moment.' } as const

/** The fact, and below it what to do. */
export function explanation({ fact, advice }: Explanation): Markup {
  return html`${fact}<br><strong>${texts.whatToDo}</strong> ${advice}`
}

/** Of what somebody has asked for and waits for: unlike an upload, it is not tried again by itself. */
export function askedExplanation(error: WrittenError): Explanation {
  const found = explanationOf(error)
  const rule = isErrorCode(error.code) ? ERROR_RULES[error.code] : null
  const waits = rule?.heals === true && found.advice === rule.advice
  return waits ? { ...found, advice: texts.tryAgain } : found
}

/** The same of a problem, in one text. */
export function askedText({ message, options: { code, explanation: parts } }: Problem): string {
  return code === undefined || parts === undefined
    ? message
    : joinedMessage(askedExplanation({ code, message, ...parts }))
}
