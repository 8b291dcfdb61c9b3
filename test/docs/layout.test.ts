// The size of what a reader has to take in at once: a folder, a file.

import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { before, describe, it } from 'node:test'
import { readTree, SOURCE_FOLDERS, type Tree } from './tree.ts'

const MOST_ENTRIES = 22
const MOST_LINES = 400
/** Histories that were recorded: nobody reads them one after the other. */
const RECORDED = /^test\/upgrade\/[^/]+\/histories$/

describe('the layout', () => {
  let tree: Tree
  before(async () => {
    tree = await readTree()
    assert.ok(tree.files.size > 300)
  })

  it(`shows at most ${MOST_ENTRIES} entries in a folder`, () => {
    const entries = Map.groupBy([...tree.files, ...tree.folders], (path) => dirname(path))
    const large = [...entries]
      .filter(([folder, shown]) => shown.length > MOST_ENTRIES && !RECORDED.test(folder))
      .map(([folder, shown]) => `${folder}: ${shown.length} entries`)
    assert.deepEqual(large, [])
  })

  it(`has no source file of more than ${MOST_LINES} lines`, () => {
    const long = [...tree.texts]
      .filter(([path]) => SOURCE_FOLDERS.some((folder) => path.startsWith(`${folder}/`)))
      .map(([path, text]) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > MOST_LINES)
      .map(({ path, lines }) => `${path}: ${lines} lines`)
    assert.deepEqual(long, [])
  })

  it('has no folder that says nothing of what is in it', () => {
    const vague = [...tree.folders].filter((folder) =>
      /(^|\/)(utils?|helpers?|common|misc|lib)$/.test(folder),
    )
    assert.deepEqual(vague, [])
  })
})
