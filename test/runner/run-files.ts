// Runs test files with Node's test runner, each in a process of its own, and prints the report. Started by test/run.ts,
// which stays to take down what the files share. Standard input carries the request as JSON; ends with 1 when a test failed,
// and, where none may be skipped, when one was.
import { text } from 'node:stream/consumers'
import { run } from 'node:test'
import { z } from 'zod'
import { createReport, lineOf } from './report.ts'
import { searchedLines } from './searched-lines.ts'

const requestSchema = z.object({
  root: z.string(),
  files: z.array(z.string()),
  /** For the Node of each file, such as --test-name-pattern. */
  flags: z.array(z.string()),
  files_at_once: z.int().positive(),
  test_timeout_ms: z.int().positive(),
  may_skip: z.boolean(),
  /** Where the files write how much they searched for planted secrets, when the sum is wanted. */
  searches: z.string().nullable(),
})

export type RunFilesRequest = z.infer<typeof requestSchema>

const SLOWEST = 10

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())

const request = requestSchema.parse(JSON.parse(await text(process.stdin)))
const events = run({
  files: request.files,
  cwd: request.root,
  concurrency: request.files_at_once,
  timeout: request.test_timeout_ms,
  execArgv: request.flags,
  signal: stopped.signal,
})
events.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1
})
const report = createReport(events, {
  root: request.root,
  slowest: SLOWEST,
  closing: async () => [
    ...(request.may_skip ? [] : report.skipped.map((one) => `Not to be skipped: ${lineOf(one).trim()}`)),
    ...(request.searches === null ? [] : await searchedLines(request.searches)),
  ],
})
for await (const piece of report.text) process.stdout.write(piece)
if (!request.may_skip && report.skipped.length > 0) process.exitCode = 1
