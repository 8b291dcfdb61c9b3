// What all commands share: exit codes, output, and the failure that ends a command.

export const EXIT = { ok: 0, failed: 1, badInput: 2, unreachable: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export type Output = {
  /** Results. */
  readonly print: (text: string) => void
  /** What went wrong. */
  readonly complain: (text: string) => void
}

/** Ends a command with one sentence for the person who ran it. */
export class Failed extends Error {
  override readonly name = 'Failed'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}
