// Faults that a test switches on in an emulator. Each emulator names the operation of every request
// ('token', 'open', 'chunk', …), and a fault picks requests by that name; it strikes `times` times, then it is gone.

export type FaultAction =
  /** Answers this status before the emulator sees the request (its body is read and thrown away). */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Record<string, string>
      /** JSON value, or text as it is; default: the emulator's own error shape for the status. */
      readonly body?: unknown
    }
  /** Closes the socket before the emulator sees the request. */
  | { readonly kind: 'refuse' }
  /** Lets the emulator take this many bytes of the body, then resets the connection. */
  | { readonly kind: 'reset_after'; readonly bytes: number }
  /** The emulator does everything, but the connection is reset instead of the answer. */
  | { readonly kind: 'lose_answer' }
  /** Takes this many bytes of the body, then moves no more and answers nothing. */
  | { readonly kind: 'stall_after'; readonly bytes: number }
  /** The emulator does everything; its JSON answer is cut in the middle (and the connection closed cleanly). */
  | { readonly kind: 'truncate_answer' }
  /** Answers 302 to this address. */
  | { readonly kind: 'redirect'; readonly to: string }
  /** The emulator does everything, later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request stands still at this point until the gate opens; then all goes on as if nothing had been. */
  | { readonly kind: 'hold'; readonly at: HoldPoint; readonly gate: Gate }
  /** A fault that only the emulator itself can play ('flip_bit', 'forget_session', …): see its own list. */
  | { readonly kind: 'own'; readonly name: string; readonly value?: unknown }

/** Before anything of it is seen; when the whole body is there and nothing is done yet; when all is done but the answer. */
export type HoldPoint = 'request' | 'arrived' | 'answer'

/** Lets a test wait until a request has come to its point, and lets the request go on. */
export interface Gate {
  readonly reached: Promise<void>
  readonly opened: Promise<void>
  reach(): void
  open(): void
}

export function createGate(): Gate {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    opened: opened.promise,
    reach: reached.resolve,
    open: opened.resolve,
  }
}

export type Fault = {
  /** Operation name as the emulator gives it; every operation when missing. */
  readonly operation?: string
  /** Lets this many matching requests pass first. */
  readonly after?: number
  /** How often it strikes; default 1; Infinity for always. */
  readonly times?: number
  readonly action: FaultAction
}

type Armed = { readonly fault: Fault; passes: number; left: number; struck: number }

export interface Faults {
  /** Arms a fault; the returned function tells how often it has struck. */
  add(fault: Fault): () => number
  /** Takes the next fault for this operation, if any. */
  take(operation: string): FaultAction | undefined
  /** Takes an own fault of this name for the operation, if one is armed. */
  takeOwn(operation: string, name: string): { readonly value: unknown } | undefined
  clear(): void
}

export function createFaults(): Faults {
  let armed: Armed[] = []
  const next = (operation: string, wanted: (action: FaultAction) => boolean): FaultAction | undefined => {
    for (const entry of armed) {
      const { fault } = entry
      if (fault.operation !== undefined && fault.operation !== operation) continue
      if (!wanted(fault.action)) continue
      if (entry.passes > 0) {
        entry.passes -= 1
        continue
      }
      if (entry.left <= 0) continue
      entry.left -= 1
      entry.struck += 1
      return fault.action
    }
    return undefined
  }
  return {
    add: (fault) => {
      const entry = { fault, passes: fault.after ?? 0, left: fault.times ?? 1, struck: 0 }
      armed.push(entry)
      return () => entry.struck
    },
    take: (operation) => next(operation, (action) => action.kind !== 'own'),
    takeOwn: (operation, name) => {
      const action = next(operation, (candidate) => candidate.kind === 'own' && candidate.name === name)
      return action?.kind === 'own' ? { value: action.value } : undefined
    },
    clear: () => {
      armed = []
    },
  }
}
