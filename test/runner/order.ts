// Which test file begins first. The longest are to begin early, so that none of them runs alone at the end; how long a file
// takes is guessed from what it starts, and among equals from its size.
import { readFile } from 'node:fs/promises'

/** The heaviest first; a file counts as the first that it mentions. */
const HEAVY: readonly RegExp[] = [
  /\bstartProgram\(/,
  /\bdescribeProviderContract\(|\bcreateSite\(|\bcreateTestSystem\(/,
  /\bstartEmbeddedPostgres\(|\bcreateApiFixture\(\{/,
  /\bcreateApiFixture\(|\bcreateTestTemporal\(|Emulator\(/,
]

export async function longestFirst(files: readonly string[]): Promise<readonly string[]> {
  const guessed = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8')
      const rank = HEAVY.findIndex((one) => one.test(text))
      return { file, rank: rank < 0 ? HEAVY.length : rank, size: text.length }
    }),
  )
  return guessed
    .sort((a, b) => a.rank - b.rank || b.size - a.size || a.file.localeCompare(b.file))
    .map(({ file }) => file)
}
