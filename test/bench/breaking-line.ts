// A line to an emulator that breaks: counts the bytes towards the cloud, and resets the connection that carries a chosen one.
// What the client had already given to its kernel is lost with it, as on a real line.

import { type Relay, startRelay } from '../support/network/relay.ts'

export type BreakingLine = Relay & {
  /** Bytes that went towards the cloud, TLS among them. */
  readonly passed: number
  /** Resets that have happened. */
  readonly breaks: number
}

/** Breaks when so many bytes in all (ascending) have gone towards `target`, on a free port of 127.0.0.1. */
export async function startBreakingLine(target: number, breakAt: readonly number[]): Promise<BreakingLine> {
  let passed = 0
  let breaks = 0
  const relay = await startRelay(target, (near, far) => {
    near.on('data', (piece: Buffer) => {
      passed += piece.byteLength
      if (passed >= (breakAt[breaks] ?? Infinity)) {
        breaks += 1
        near.resetAndDestroy()
        far.resetAndDestroy()
        return
      }
      if (far.write(piece)) return
      near.pause()
      far.once('drain', () => near.resume())
    })
    near.once('end', () => far.end())
  })
  return {
    ...relay,
    get passed() {
      return passed
    },
    get breaks() {
      return breaks
    },
  }
}
