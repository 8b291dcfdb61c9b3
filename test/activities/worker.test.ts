// The worker as a process of its own.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'

const WORKER = join(dirname(dirname(import.meta.dirname)), 'activities', 'worker.ts')

/** Runs it until it ends, with a module of this text before it. */
function failedStart(before: string) {
  const preload = `data:text/javascript,${encodeURIComponent(before)}`
  const { status, stderr } = spawnSync(process.execPath, ['--import', preload, WORKER], {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  })
  return { status, stderr }
}

describe('a worker that cannot start', () => {
  it('says in one sentence what a person can mend', () => {
    const { status, stderr } = failedStart('')
    assert.equal(status, 1)
    assert.match(stderr, /DATABASE_URL and TEMPORAL_ADDRESS must be set/)
    assert.doesNotMatch(stderr, /\n\s+at /)
  })

  it('says of an error that nobody foresaw where it comes from', () => {
    const fault = "ownKeys() { throw new TypeError('a fault') }"
    const { status, stderr } = failedStart(`process.env = new Proxy(process.env, { ${fault} })`)
    assert.equal(status, 1)
    assert.match(stderr, /^TypeError: a fault\n.*at loadConfig .*config\.ts/s)
  })
})
