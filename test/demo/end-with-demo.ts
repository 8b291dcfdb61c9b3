// Loaded into the program that the demo starts: when the demo is gone, however it ended, its end of this pipe closes
// and the program stops as on a signal. Nothing would stop it otherwise after a `kill -9` of the demo.

import { Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'

// Threads load this file too, and have no standard input of their own.
if (isMainThread) {
  process.stdin.once('close', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.resume()
  // Waiting for it is no reason to stay.
  if (process.stdin instanceof Socket) process.stdin.unref()
}
