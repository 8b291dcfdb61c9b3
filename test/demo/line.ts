// The line to a cloud: holds back what goes towards it, because over the machine's own loopback an upload is done before
// anybody has seen it.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Relay, startRelay } from '../support/network/relay.ts'

export type Line = Relay

/** Listens on a free port of 127.0.0.1. All connections share `bytesPerSecond` towards `target`; back it is unlimited. */
export async function startLine(target: number, bytesPerSecond: number): Promise<Line> {
  let freeAt = 0
  const takeTurn = async (bytes: number) => {
    const now = performance.now()
    freeAt = Math.max(now, freeAt) + (1000 * bytes) / bytesPerSecond
    if (freeAt - now >= 1) await delay(freeAt - now)
  }
  return startRelay(target, (near, far) => {
    passOn(near, far, takeTurn).catch(() => near.destroy())
  })
}

async function passOn(near: Socket, far: Socket, takeTurn: (bytes: number) => Promise<void>): Promise<void> {
  for await (const piece of near as AsyncIterable<Buffer>) {
    await takeTurn(piece.byteLength)
    if (far.destroyed) return
    if (!far.write(piece)) await Promise.race([once(far, 'drain'), once(far, 'close')])
  }
  far.end()
}
