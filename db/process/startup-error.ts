// What keeps the program from starting and a person can correct. The message says what to do, so it is shown without a stack.

export class StartupError extends Error {
  override readonly name = 'StartupError'
}
