// What keeps the program from starting and a person can mend: the message says what to do, so it is shown without a
// stack. Faults of the program stay plain errors.

export class StartupError extends Error {
  override readonly name = 'StartupError'
}
