// What a refused access token means where we can get another one: it is renewed, and the call made again; a second time after a
// pause, because a service may take a moment to know its own token. Only the token endpoint says that credentials are of
// no use: a token that stays refused is tried again later, with a new one.

import { setTimeout as pause } from 'node:timers/promises'

export interface RenewableTokens {
  /** A token that should be good for minutes. */
  current(signal: AbortSignal): Promise<string>
  /** Another token than the refused one; null where there is none to get. */
  renewed(refused: string, signal: AbortSignal): Promise<string | null>
}

/** Before each renewal in one call, in ms. */
const PAUSES_MS = [0, 1_000] as const

/** The answer of `ask`; one that `isRefused` only where no renewal helped. */
export async function withRenewal<Answer>(
  tokens: RenewableTokens,
  ask: (token: string) => Promise<Answer>,
  isRefused: (answer: Answer) => boolean,
  signal: AbortSignal,
): Promise<Answer> {
  let token = await tokens.current(signal)
  let answer = await ask(token)
  for (const pauseMs of PAUSES_MS) {
    if (!isRefused(answer)) return answer
    if (pauseMs > 0) await pause(pauseMs, undefined, { signal })
    const fresh = await tokens.renewed(token, signal)
    if (fresh === null) return answer
    token = fresh
    answer = await ask(token)
  }
  return answer
}
