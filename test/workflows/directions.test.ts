// The dependency directions of the folders, read from the import statements of every source file.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDERS = ['workflows', 'activities', 'db', 'api', 'temporal-dev', 'test'] as const

type Import = { readonly from: string; readonly to: string; readonly isType: boolean }
type Source = { readonly path: string; readonly text: string; readonly imports: readonly Import[] }

/** 'a' of `from 'a'`, `import 'a'`, `import('a')`; relative ones as paths from the root. */
function importsOf(path: string, text: string): Import[] {
  const code = withoutComments(text)
  const statements = [
    ...code.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"`;]*?\sfrom\s+['"]([^'"]+)['"]/gm),
    ...code.matchAll(/^\s*import\s+(type\s)?['"]([^'"]+)['"]/gm),
    ...code.matchAll(/\b(?:import|require(?:\.resolve)?)\((\0)?\s*['"]([^'"]+)['"]/g),
    ...code.matchAll(/\bnew URL\((\0)?\s*['"](\.[^'"]+\.m?[jt]s)['"],\s*import\.meta/g),
  ]
  return statements.map(([, type, to = '']) => ({
    from: path,
    to: to.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), to)) : to,
    isType: type !== undefined,
  }))
}

/** A line that is a comment as a whole; what looks like one inside a string stays. */
function withoutComments(text: string): string {
  return text.replace(/^\s*(\/\/|\/\*|\*).*$/gm, '')
}

async function readSources(): Promise<Source[]> {
  const lists = await Promise.all(
    FOLDERS.map(async (folder) => {
      const entries = await readdir(join(ROOT, folder), { recursive: true })
      return entries.filter((entry) => /\.m?[jt]s$/.test(entry)).map((entry) => join(folder, entry))
    }),
  )
  return Promise.all(
    lists.flat().map(async (path) => {
      const text = await readFile(join(ROOT, path), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    }),
  )
}

const isIn = (path: string, ...folders: readonly string[]) =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`))
const isOwn = (path: string) => isIn(path, ...FOLDERS)
const shown = ({ from, to }: Import) => `${from} imports ${to}`

describe('the dependency directions', () => {
  let sources: readonly Source[]
  before(async () => {
    sources = await readSources()
    assert.ok(sources.length > 100)
  })

  const importsIn = (folder: string) =>
    sources.filter(({ path }) => isIn(path, folder)).flatMap(({ imports }) => imports)
  const refuse = (folder: string, isWrong: (one: Import) => boolean) =>
    assert.deepEqual(importsIn(folder).filter(isWrong).map(shown), [])

  it('every way to import is read', () => {
    const text = [
      "import a, { type b } from './a.ts'",
      "import type { c } from '../api/c.ts'",
      "export { d } from 'node:fs'",
      "export * from './e.ts'",
      "import './f.ts'",
      `const g = await ${'import'}('./g.ts')`,
      'import {\n  h,\n  type i,\n} from "./h.ts"',
      "// import x from './no.ts'",
      "fork(new URL('./j.mjs', import.meta.url))",
    ].join('\n')
    const found = importsOf('db/x.ts', text).map(({ to, isType }) => (isType ? `type ${to}` : to))
    const expected = [
      'db/a.ts',
      'type api/c.ts',
      'node:fs',
      'db/e.ts',
      'db/f.ts',
      'db/g.ts',
      'db/h.ts',
      'db/j.mjs',
    ]
    assert.deepEqual(found.sort(), expected.sort())
    assert.ok(importsIn('workflows').length > 20 && importsIn('api').length > 50)
  })

  it('every import leads to a file that exists', () => {
    const known = new Set(sources.map(({ path }) => path))
    for (const folder of FOLDERS)
      refuse(folder, ({ to }) => /\.m?ts$/.test(to) && isOwn(to) && !known.has(to) && !to.endsWith('.d.ts'))
  })

  it('workflows/ knows only Temporal, itself and types of activities', () => {
    refuse('workflows', ({ to, isType }) => {
      if (isOwn(to)) return !isIn(to, 'workflows') && !(isType && isIn(to, 'activities'))
      return to !== '@temporalio/workflow' && to !== '@temporalio/common'
    })
  })

  it('db/ knows only workflows/', () => {
    refuse('db', ({ to }) => (isOwn(to) && !isIn(to, 'db', 'workflows')) || to.startsWith('@temporalio/'))
  })

  it('activities/ knows only db/ and workflows/', () => {
    refuse('activities', ({ to }) => isOwn(to) && !isIn(to, 'activities', 'db', 'workflows'))
  })

  it('api/ knows only db/ and workflows/, neither a type of the activities nor a library of a provider', () => {
    const libraries = /^(@?googleapis|google-auth-library|dropbox|@azure\/|@temporalio\/(worker|activity))/
    refuse('api', ({ to }) => (isOwn(to) && !isIn(to, 'api', 'db', 'workflows')) || libraries.test(to))
  })

  it('only temporal-dev/ and test/ know temporal-dev/ and api/', () => {
    for (const folder of ['workflows', 'db', 'activities'])
      refuse(folder, ({ to }) => isIn(to, 'temporal-dev', 'api'))
    refuse('api', ({ to }) => isIn(to, 'temporal-dev'))
  })

  it('only test/ knows test/', () => {
    for (const folder of FOLDERS) if (folder !== 'test') refuse(folder, ({ to }) => isIn(to, 'test'))
  })

  it('only db/process/config.ts reads the environment, apart from what is started by hand', () => {
    // The command line has settings of its own, and programs are found by the PATH.
    const mayRead = (path: string) =>
      isIn(path, 'temporal-dev', 'test', 'api/commands') ||
      /^api\/cli\b/.test(path) ||
      path === 'db/process/config.ts' ||
      path === 'db/machine/run-program.ts'
    const readers = sources.filter(({ text }) => /process\.env\b/.test(withoutComments(text)))
    assert.deepEqual(
      readers.map(({ path }) => path).filter((path) => !mayRead(path)),
      [],
    )
    const configuring = /process\.env\.(?!PATH\b)\w+/
    const runner = sources.find(({ path }) => path === 'db/machine/run-program.ts')
    assert.doesNotMatch(runner?.text ?? '', configuring)
  })
})
