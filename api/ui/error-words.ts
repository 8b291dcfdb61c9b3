// An error for a person: what happened, and what to do, each once. A stored message may carry the advice of its code
// behind the fact, or say in words of its own what to do; then nothing is said twice.

import { ERROR_RULES, isErrorCode } from '../../workflows/errors.ts'
import type { StatusError } from '../../workflows/types.ts'

export type ErrorWords = {
  readonly fact: string
  /** Null when the fact says itself what to do. */
  readonly advice: string | null
}

/** Shorter words occur in any two sentences. */
const SHORTEST_WORD = 4
/** So many of an advice's words in the fact, and it is the same advice. */
const SAME_SHARE = 0.5

export function errorWords({ code, message }: Pick<StatusError, 'code' | 'message'>): ErrorWords {
  const text = message.trim()
  if (!isErrorCode(code)) return { fact: text, advice: null }
  const { advice } = ERROR_RULES[code]
  const hasIt = text.endsWith(advice)
  const fact = hasIt ? text.slice(0, -advice.length).trim() : text
  if (fact === '') return { fact: text, advice: null }
  // More than one sentence, and none of them the advice: it says what to do in its own words.
  const saysMore = !hasIt && /[.!?] \S/.test(fact.replaceAll(/"[^"]*"/g, '""'))
  return { fact, advice: saysMore || isSaid(advice, fact) ? null : advice }
}

/** In one line, for tooltips and tables. */
export function errorLine(error: Pick<StatusError, 'code' | 'message'>): string {
  const { fact, advice } = errorWords(error)
  return advice === null ? fact : `${fact.replace(/[.!?]?$/, '.')} ${advice}`
}

function isSaid(advice: string, fact: string): boolean {
  const wanted = wordsOf(advice)
  const said = wordsOf(fact)
  const shared = [...wanted].filter((word) => said.has(word)).length
  return wanted.size > 0 && shared / wanted.size >= SAME_SHARE
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set((text.toLowerCase().match(/\p{L}+/gu) ?? []).filter((word) => word.length >= SHORTEST_WORD))
}
