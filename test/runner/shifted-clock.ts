// The environment of a process whose JavaScript lives N days ahead, for `npm test -- --days N`.

const PRELOAD = new URL('shifted-clock.mjs', import.meta.url)
const LONGEST_DAYS = 3650

/** The days of `--days N` or `--days=N`, null without one. Throws a RangeError that says what N may be. */
export function daysAhead(args: readonly string[]): { days: number | null; rest: readonly string[] } {
  const at = args.findIndex((one) => one === '--days' || one.startsWith('--days='))
  const found = args[at]
  if (found === undefined) return { days: null, rest: args }
  const isApart = found === '--days'
  const text = isApart ? args[at + 1] : found.slice('--days='.length)
  const days = Number(text)
  if (text === undefined || text === '' || !Number.isInteger(days) || Math.abs(days) > LONGEST_DAYS) {
    throw new RangeError(`--days takes a whole number of days, at most ${LONGEST_DAYS} either way`)
  }
  return { days, rest: args.toSpliced(at, isApart ? 2 : 1) }
}

/** Added to the environment of a process, for it and all Node processes below it. */
export function shiftedEnvironment(days: number, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // In the address and not in a variable: where tests choose the variables of a process, the two cannot be parted.
  const preload = `--import ${PRELOAD.href}?days=${days}`
  return {
    ...environment,
    TEST_CLOCK_DAYS: String(days),
    NODE_OPTIONS: [environment.NODE_OPTIONS, preload].filter(Boolean).join(' '),
  }
}
