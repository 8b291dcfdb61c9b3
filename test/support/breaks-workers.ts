// Loaded into the program by --import: at SIGUSR2 the threads that run workflows end, as by a fault of their own. The SDK takes
// that for fatal at the next task, and the Worker fails. Something stays that keeps the process alive, as an activity that does not
// end.

import threads from 'node:worker_threads'

const RealThread = threads.Worker
const made: InstanceType<typeof RealThread>[] = []

// The SDK takes the class from this object each time that it makes a thread.
threads.Worker = class extends RealThread {
  constructor(...args: ConstructorParameters<typeof RealThread>) {
    super(...args)
    made.push(this)
  }
}

process.on('SIGUSR2', () => {
  for (const thread of made) void thread.terminate()
  setInterval(() => undefined, 60_000)
})
