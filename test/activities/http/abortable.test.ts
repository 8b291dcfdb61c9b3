// Work that several wait for: each may give up its own wait, and the work goes on for the others.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { abortable } from '../../../activities/http/abortable.ts'

describe('a wait that can be given up', () => {
  it('gives what the work gives, and its failure', async () => {
    const { signal } = new AbortController()
    assert.equal(await abortable(async () => 'done', signal), 'done')
    await assert.rejects(
      abortable(() => Promise.reject(new Error('broken')), signal),
      /broken/,
    )
  })

  it('ends with the reason of its signal while the work goes on for others', async () => {
    const { promise: work, resolve } = Promise.withResolvers<string>()
    const waiting = new AbortController()
    const given = abortable(() => work, waiting.signal)
    const kept = abortable(() => work, new AbortController().signal)
    waiting.abort(new Error('no longer wanted'))
    await assert.rejects(given, /no longer wanted/)
    resolve('done')
    assert.equal(await kept, 'done')
  })

  it('starts nothing for a signal that is aborted already', async () => {
    let isStarted = false
    const work = async () => {
      isStarted = true
    }
    await assert.rejects(abortable(work, AbortSignal.abort(new Error('too late'))), /too late/)
    assert.equal(isStarted, false)
  })

  it('leaves no failure behind that nobody handles', async () => {
    const { promise: work, reject } = Promise.withResolvers<string>()
    const waiting = new AbortController()
    const given = abortable(() => work, waiting.signal)
    waiting.abort(new Error('no longer wanted'))
    await assert.rejects(given, /no longer wanted/)
    reject(new Error('later'))
    // The process would end by it in one of the next turns.
    await setImmediate()
  })
})
