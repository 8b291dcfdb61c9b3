import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { daysAhead, shiftedEnvironment } from './shifted-clock.ts'

const DAY_MS = 86_400_000

describe('a clock that is days ahead', () => {
  const { TEST_CLOCK_DAYS: _days, NODE_OPTIONS: _options, ...plain } = process.env

  /** What a process under such a clock prints for the expression, less the real time. */
  function daysOff(days: number, expression: string): number {
    const real = 'performance.timeOrigin + performance.now()'
    const { stdout, stderr } = spawnSync(process.execPath, ['-p', `(${expression}) - (${real})`], {
      env: shiftedEnvironment(days, plain),
      encoding: 'utf8',
    })
    assert.ok(stdout !== '', stderr)
    return Number(stdout) / DAY_MS
  }
  const near = (actual: number, wanted: number) => assert.ok(Math.abs(actual - wanted) < 0.01, `${actual}`)

  it('shifts every way of asking for the time, ahead and back', () => {
    near(daysOff(40, 'Date.now()'), 40)
    near(daysOff(400, 'new Date().getTime()'), 400)
    near(daysOff(-1, 'Date.parse(Date())'), -1)
    near(daysOff(40, 'new (new Date(0).constructor)().getTime()'), 40)
  })

  it('reaches the processes below, and those below them', () => {
    const below = `Number(require('node:child_process').execFileSync(process.execPath, ['-p', 'Date.now()']))`
    near(daysOff(40, below), 40)
  })

  it('leaves a time that is given as it is, and keeps dates what they are', () => {
    const script = `JSON.stringify([new Date(0), new Date(2020, 1, 3, 4, 5).getMonth(), new Date() instanceof Date,
      class extends Date {}.name, new (class Own extends Date {})(7).getTime(), Date.UTC(1970, 0, 2)])`
    const { stdout } = spawnSync(process.execPath, ['-p', script], {
      env: shiftedEnvironment(40, plain),
      encoding: 'utf8',
    })
    assert.deepEqual(JSON.parse(stdout), ['1970-01-01T00:00:00.000Z', 1, true, '', 7, DAY_MS])
  })

  it('keeps the options of Node that are set already', () => {
    const { NODE_OPTIONS } = shiftedEnvironment(1, { NODE_OPTIONS: '--no-warnings' })
    assert.match(NODE_OPTIONS ?? '', /^--no-warnings --import file:\/\//)
  })
})

describe('the argument --days', () => {
  it('is taken in both forms, with a negative number too, and the others are left', () => {
    assert.deepEqual(daysAhead(['--days', '-1', 'test/db']), { days: -1, rest: ['test/db'] })
    assert.deepEqual(daysAhead(['--searched', '--days=40']), { days: 40, rest: ['--searched'] })
    assert.deepEqual(daysAhead(['test/db']), { days: null, rest: ['test/db'] })
  })

  it('is refused without a whole number of days', () => {
    for (const wrong of [['--days'], ['--days', 'test/db'], ['--days='], ['--days=1.5'], ['--days', '99999']])
      assert.throws(() => daysAhead(wrong), /--days takes a whole number of days/)
  })
})
