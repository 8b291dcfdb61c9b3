// The tests that need JavaScript's clock in step with that of other programs (PostgreSQL, Temporal, a browser), by their names:
// `npm test -- --days N` skips them. Everything else must hold whatever the clock says.

const REASONS = {
  'the program goes on with the data of f485751':
    'the ages of its rows are told by PostgreSQL, those of its sessions by JavaScript, those of its workflows by Temporal',
  'the program goes on with the data of f485751 without its Temporal server':
    'the ages of its rows are told by PostgreSQL, those of its sessions by JavaScript',
  'are removed when they are an hour old, with the folder of the run':
    'the times of files are real ones, and by them no link is young',
  'rclone at the emulated Google Drive': 'rclone signs its request for a token with the real time',
} as const satisfies Readonly<Record<string, string>>

/** For `it(...inStep('its name'), …)`, or a `describe`: the name, and why it is skipped while the clock is shifted. */
export function inStep(name: keyof typeof REASONS): [name: string, options: { skip: string | false }] {
  const isShifted = process.env.TEST_CLOCK_DAYS !== undefined
  return [name, { skip: isShifted ? REASONS[name] : false }]
}
