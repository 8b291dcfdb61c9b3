// What `npm test` prints: Node's own "spec" report, then which tests were skipped and why, then the slowest files, and the
// runner's counts as the last lines, also where tests failed.
import { relative } from 'node:path'
import { Readable } from 'node:stream'
import type { EventData } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'

export type ReportOptions = {
  /** Files are named from here. */
  readonly root: string
  /** How many of the slowest files are named. */
  readonly slowest: number
  /** Lines that are known only after the last test. */
  readonly closing: () => Promise<readonly string[]>
}

export type Skipped = { readonly file: string; readonly name: string; readonly reason: string }

export type Report = {
  readonly text: AsyncIterable<string>
  /** Tests and suites that did not run, or that may fail (todo); complete when the text has ended. */
  readonly skipped: readonly Skipped[]
}

const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/

export function createReport(events: AsyncIterable<TestEvent>, options: ReportOptions): Report {
  const skipped: Skipped[] = []
  const seconds = new Map<string, number>()
  const counts: TestEvent[] = []
  const nameOf = (file: string | undefined) => relative(options.root, file ?? '')

  async function* watched(): AsyncGenerator<TestEvent> {
    // Of one file: its events come in the order of its tests, after those of the file before it.
    const names: string[] = []
    for await (const event of events) {
      if (event.type === 'test:diagnostic' && event.data.nesting === 0 && COUNT.test(event.data.message)) {
        counts.push(event)
        continue
      }
      if (event.type === 'test:start') {
        names.splice(event.data.nesting, names.length, event.data.name)
      }
      if (event.type === 'test:pass' || event.type === 'test:fail') {
        const reason = reasonOf(event.data)
        const name = [...names.slice(0, event.data.nesting), event.data.name].join(' › ')
        if (reason !== null) skipped.push({ file: nameOf(event.data.file), name, reason })
      }
      if (event.type === 'test:complete' && isFile(event.data)) {
        seconds.set(nameOf(event.data.file), event.data.details.duration_ms / 1000)
      }
      yield event
    }
  }

  async function* text(): AsyncGenerator<string> {
    yield* spoken(watched())
    if (skipped.length > 0) yield `\nSkipped:\n${skipped.map(lineOf).join('')}`
    const slow = [...seconds].sort(([, a], [, b]) => b - a).slice(0, options.slowest)
    if (slow.length > 0) yield `\nThe slowest files:\n${slow.map(secondsLine).join('')}`
    for (const line of await options.closing()) yield `${line}\n`
    yield '\n'
    yield* spoken(counts)
  }

  return { text: text(), skipped }
}

export function lineOf({ file, name, reason }: Skipped): string {
  return `  ${file}: ${name} (${reason})\n`
}

function secondsLine([file, taken]: [string, number]): string {
  return `${taken.toFixed(1).padStart(7)} s  ${file}\n`
}

function reasonOf({ skip, todo }: EventData.TestPass | EventData.TestFail): string | null {
  const given = skip ?? todo
  if (given === undefined || given === false) return null
  if (typeof given === 'string' && given !== '') return given
  return skip === undefined ? 'todo' : 'no reason is given'
}

/** The runner's own entry of a file, which bears its path as its name; what the file's process sent bears `entryFile`. */
function isFile(data: EventData.TestComplete): boolean {
  return data.nesting === 0 && data.name === data.file && !('entryFile' in data)
}

async function* spoken(events: AsyncIterable<TestEvent> | Iterable<TestEvent>): AsyncGenerator<string> {
  for await (const piece of Readable.from(events).compose(new spec())) yield String(piece)
}
