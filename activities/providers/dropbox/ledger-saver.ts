// Saves a growing ledger after every acknowledged chunk, so that a crash costs no more than the chunks that were on the way,
// and never two saves at once: what is acknowledged during a save is in the next one.

interface LedgerSaver {
  /** A chunk was acknowledged. Resolves when it is saved, or when a save that is under way will see to it. */
  noted(): Promise<void>
  /** Saves what has not been saved. */
  flush(): Promise<void>
}

/** `save` saves the ledger as it is at the moment of the call. */
export function createLedgerSaver(save: () => Promise<void>): LedgerSaver {
  let isUnsaved = false
  let running: Promise<void> | undefined
  const drain = async () => {
    while (isUnsaved) {
      isUnsaved = false
      await save()
    }
  }
  return {
    noted: async () => {
      isUnsaved = true
      if (running !== undefined) return
      running = drain().finally(() => {
        running = undefined
      })
      await running
    },
    flush: async () => {
      await running
      await drain()
    },
  }
}
