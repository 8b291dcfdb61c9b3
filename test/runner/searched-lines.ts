// How much of what the tests left behind was searched for planted secrets, summed over all files of a run.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Searched, searchedFigures } from '../support/secrets/searched-figures.ts'

/** `folder`: where each process of a run has written its figures. */
export async function searchedLines(folder: string): Promise<readonly string[]> {
  const sum: Record<keyof Searched, number> = { secrets: 0, histories: 0, rows: 0, answers: 0, log_lines: 0 }
  for (const name of await readdir(folder)) {
    const one = searchedFigures.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))
    for (const kind of searchedFigures.keyof().options) sum[kind] += one[kind]
  }
  const { secrets, histories, rows, answers, log_lines } = sum
  return [
    `Searched for ${secrets} planted secrets: ${histories} workflow histories, ${rows} rows of databases, ` +
      `${answers} answers of the API, ${log_lines} log lines. A hit fails the test file that left it.`,
  ]
}
