// Saves a growing ledger at intervals: often enough that a crash costs a few chunks, seldom enough that the database
// is not asked for every chunk, and never two saves at once.

/** Acknowledged chunks after which the ledger is saved. */
const SAVE_EVERY_CHUNKS = 4
/** The same in time: slow lines save every chunk. */
const SAVE_EVERY_MS = 5000

export interface LedgerSaver {
  /** A chunk was acknowledged. Resolves when a save that fell due is done; rejects when it failed. */
  noted(): Promise<void>
  /** Saves what has not been saved. */
  flush(): Promise<void>
}

export function createLedgerSaver(deps: {
  /** Saves the ledger as it is at the moment of the call. */
  save(): Promise<void>
  now(): number
}): LedgerSaver {
  const { save, now } = deps
  let unsaved = 0
  let savedAt = now()
  let running: Promise<void> | undefined
  const start = (): Promise<void> => {
    unsaved = 0
    savedAt = now()
    running = save().finally(() => {
      running = undefined
    })
    return running
  }
  return {
    noted: async () => {
      unsaved += 1
      // A lane that finds a save under way goes on sending: its chunk is in the next save.
      if (running !== undefined) return
      if (unsaved >= SAVE_EVERY_CHUNKS || now() - savedAt >= SAVE_EVERY_MS) await start()
    },
    flush: async () => {
      await running
      if (unsaved > 0) await start()
    },
  }
}
