// Every reference in comments, test names and Markdown leads to something: to the cited section or rule, file or heading.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brokenReferences } from './references.ts'
import { foldersOf, readTree, type Tree } from './tree.ts'

/** The samples below are wrong on purpose. */
const SAMPLES = 'test/docs/references.test.ts'

describe('references', () => {
  it('lead to what is there, in every file', async () => {
    const tree = await readTree()
    const broken = [...tree.texts]
      .filter(([path]) => path !== SAMPLES)
      .flatMap(([path, text]) =>
        brokenReferences(path, text, tree).map(({ line, cites, why }) => `${path}:${line}: ${cites}: ${why}`),
      )
    assert.deepEqual(broken, [])
  })
})

const GUIDE = `# Guide

## 3. Uploads

### 3.3 Hashes

## Behind a proxy, or not

## Rules that must never break

1. **One.** Text.
2. **Two.** Text.

## Steps

7. No rule.

| S4 | secrets |
`

const tree = treeOf({
  'docs/guide.md': GUIDE,
  'README.md': '## Try it\n',
  'db/runs/settling.ts': '',
  'db/runs/history.ts': '',
  'test/db/runs/settling.test.ts': "it('settles a run once', () => {})",
})

/** What is broken in the text, as line and citation. */
function brokenIn(text: string, path = 'db/runs/runs.ts'): readonly string[] {
  return brokenReferences(path, text, tree).map(({ line, cites, why }) => `${line}: ${cites}: ${why}`)
}

describe('the finder of references', () => {
  it('finds nothing wrong with what is there', () => {
    const comments = [
      '// Settles a run (docs/guide.md, 3.3), by two rules (docs/guide.md, rules 1 to 2) and (docs/guide.md,',
      '// rule 2 and "Behind a proxy, or not"; docs/guide.md, S4): see settling.ts, runs/history.ts, db/runs/ and',
      '// test/db/*/settling.test.ts. A page: https://example.com/api/nowhere.ts. README, "Try it".',
      "const text = 'db/runs/not-a-comment.ts'",
      'const other = 1 // as in history.ts',
    ]
    assert.deepEqual(brokenIn(comments.join('\n')), [])
    assert.deepEqual(
      brokenIn('See [Try it](../README.md#try-it), [rules](#steps) and `db/runs/`.', 'docs/guide.md'),
      [],
    )
  })

  it('finds a section, rule, row or heading that the document lacks', () => {
    const text = '// (docs/guide.md, 3.4)\n// (docs/guide.md, rule 7)\n// (docs/guide.md, S5 and "Steps up")'
    assert.deepEqual(brokenIn(text), [
      '1: docs/guide.md, 3.4: docs/guide.md has no 3.4',
      '2: docs/guide.md, rule 7: docs/guide.md has no rule 7',
      '3: docs/guide.md, S5 and "Steps up": docs/guide.md has no S5',
      '3: docs/guide.md, S5 and "Steps up": docs/guide.md has no "Steps up"',
    ])
  })

  it('finds one that is broken over two lines of a comment', () => {
    assert.deepEqual(brokenIn('/**\n * Text (docs/guide.md,\n * 9.9).\n */'), [
      '2: docs/guide.md, 9.9: docs/guide.md has no 9.9',
    ])
  })

  it('finds documents that are not there, and a place without its comma', () => {
    assert.deepEqual(brokenIn('// guide.md, 3.3\n// docs/gone.md\n// docs/guide.md 3.3'), [
      '1: guide.md, 3.3: there is no such document',
      '2: docs/gone.md: there is no such document',
      '3: docs/guide.md 3.3: a comma belongs before the place',
    ])
  })

  it('finds them in names of tests', () => {
    assert.deepEqual(brokenIn("it('keeps the last one (docs/guide.md, rule 3)', () => {})"), [
      '1: docs/guide.md, rule 3: docs/guide.md has no rule 3',
    ])
  })

  it('finds files and folders that are not there', () => {
    assert.deepEqual(brokenIn('// As in settle.ts,\ncode() // and db/run/.\n/* Not runs/settling.js. */'), [
      '1: settle.ts: there is no such file or folder',
      '2: db/run/: there is no such file or folder',
      '3: runs/settling.js: there is no such file or folder',
    ])
    assert.deepEqual(brokenIn('Tests: `db/run/`, `settling.ts`', 'README.md'), [
      '1: db/run/: there is no such file or folder',
    ])
    assert.deepEqual(brokenIn('# See db/runs/gone.ts\nrun db/runs/gone.ts', '.ci/run'), [
      '1: db/runs/gone.ts: there is no such file or folder',
    ])
  })

  it('finds names of tests that nobody has given, and rules without their document', () => {
    const text =
      '`test/db/runs/settling.test.ts` "settles … once", "settles twice" (rule 1)\n`test/db/` "settles a run"'
    assert.deepEqual(brokenIn(text, 'docs/guide.md'), [
      '1: test/db/runs/settling.test.ts "settles twice": there is no such test',
      '1: (rule 1: the document of the rule is missing',
    ])
  })

  it('finds links that lead nowhere', () => {
    assert.deepEqual(brokenIn('[a](gone.md)\n[b](../README.md#no-such)', 'docs/guide.md'), [
      '1: gone.md: the link leads nowhere',
      '2: ../README.md#no-such: README.md has no such heading',
    ])
  })
})

function treeOf(texts: Readonly<Record<string, string>>): Tree {
  const files = new Set(Object.keys(texts))
  return { files, folders: foldersOf(files), texts: new Map(Object.entries(texts)) }
}
