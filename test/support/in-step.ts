// The tests that need JavaScript's clock in step with that of other programs (PostgreSQL, Temporal, a browser), by their names:
// `npm test -- --days N` skips them. Everything else must hold whatever the clock says.

const REASONS = {} as const satisfies Readonly<Record<string, string>>

/** For `it(...inStep('its name'), …)`: the name, and why it is skipped while the clock is shifted. */
export function inStep(name: keyof typeof REASONS): [name: string, options: { skip: string | false }] {
  const isShifted = process.env.TEST_CLOCK_DAYS !== undefined
  return [name, { skip: isShifted ? REASONS[name] : false }]
}
