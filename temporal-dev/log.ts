// The part of a logger that the embedded pieces need; the program's own logger fits, and so does a list in a test.

export type Log = { info(message: string): void; warn(message: string): void }
