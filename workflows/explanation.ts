// An error in words: what happened and what to do, apart for as long as the program has them, and joined where they leave it as
// one message.

import { adviceOf } from './errors.ts'

/** What happened, and what to do: whole sentences both. */
export type Explanation = { readonly fact: string; readonly advice: string }

/** Both in one text. */
export function joinedMessage({ fact, advice }: Explanation): string {
  return `${withFullStop(fact)} ${advice}`
}

/** Texts of other programs may lack the full stop. */
export function withFullStop(fact: string): string {
  const text = fact.trim()
  return ['.', '!', '?'].some((end) => text.endsWith(end)) ? text : `${text}.`
}

/** An error as it may be stored: what an earlier version wrote has no fact and no advice. */
export type WrittenError = {
  readonly code: string
  readonly message: string
  readonly fact?: string | undefined
  readonly advice?: string | undefined
}

/** The two parts of an error. Of one that an earlier version wrote, the message is the fact, and the code has the advice. */
export function explanationOf({ code, message, fact, advice }: WrittenError): Explanation {
  const known = adviceOf(code)
  if (fact !== undefined) return { fact, advice: advice ?? known }
  // Its message may end with this very advice: it is not to be read twice.
  const rest = message.endsWith(` ${known}`) ? message.slice(0, -known.length).trimEnd() : message
  return { fact: rest, advice: known }
}
