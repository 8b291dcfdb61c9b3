import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createScreen, fit } from './screen.ts'
import { tableLines } from './table.ts'

/** Enough of a terminal to see what stands on it. */
function createTerminal(size: { columns: number; rows: number }) {
  const rows: string[] = ['']
  let row = 0
  let writes = 0
  const put = (text: string) => {
    for (const [index, part] of text.split('\x1b').entries()) {
      const [, code = '', words = part] = index === 0 ? [] : (/^(\[\??\d*[A-Za-z])(.*)$/s.exec(part) ?? [])
      if (code.endsWith('A')) row -= Number(code.slice(1, -1))
      if (code === '[J') rows.length = row
      for (const [line, piece] of words.split('\n').entries()) {
        if (line > 0) row += 1
        const plain = piece.replaceAll('\r', '')
        if (plain !== '') rows[row] = plain
      }
    }
  }
  return {
    ...{ isTTY: true, columns: size.columns, rows: size.rows },
    write: (text: string) => {
      writes += 1
      put(text)
    },
    shown: () => Array.from(rows, (line) => line ?? ''),
    writes: () => writes,
  }
}

describe('the screen', () => {
  it('writes plain lines and no escape sequence to what is no terminal', () => {
    let written = ''
    const screen = createScreen({ write: (text) => (written += text) }, {})
    screen.print('✓ one')
    screen.draw(['bar'])
    screen.keep()
    screen.print('two')
    screen.close()
    assert.equal(written, '✓ one\ntwo\n')
    assert.equal(screen.isLive, false)
  })

  it('draws in place with one write, and lines that stay go above', () => {
    const terminal = createTerminal({ columns: 80, rows: 24 })
    const screen = createScreen(terminal, { NO_COLOR: '1' })
    screen.draw(['bar 1', 'bar 2'])
    screen.draw(['bar 1 more', 'bar 2 more'])
    assert.equal(terminal.writes(), 2)
    assert.deepEqual(terminal.shown(), ['bar 1 more', 'bar 2 more'])
    screen.print('news')
    assert.deepEqual(terminal.shown(), ['news', 'bar 1 more', 'bar 2 more'])
    screen.draw(['bar 1 done'])
    assert.deepEqual(terminal.shown(), ['news', 'bar 1 done'])
    screen.keep()
    screen.draw(['next'])
    assert.deepEqual(terminal.shown(), ['news', 'bar 1 done', 'next'])
  })

  it('never draws wider or higher than the window', () => {
    const terminal = createTerminal({ columns: 50, rows: 4 })
    const screen = createScreen(terminal, { NO_COLOR: '1' })
    screen.draw(Array.from({ length: 9 }, () => 'x'.repeat(200)))
    assert.equal(terminal.shown().length, 3)
    for (const line of terminal.shown()) assert.ok([...line].length < 50)
  })

  it('gives the cursor back', () => {
    let written = ''
    const screen = createScreen(
      { write: (text) => (written += text), isTTY: true, columns: 80, rows: 24 },
      {},
    )
    screen.draw(['bar'])
    screen.close()
    assert.ok(written.lastIndexOf('\x1b[?25h') > written.lastIndexOf('\x1b[?25l'))
  })

  it('cuts by characters and says so', () => {
    assert.equal(fit('✓ abc', 5), '✓ abc')
    assert.equal(fit('✓ abcdef', 5), '✓ ab…')
  })
})

describe('the table', () => {
  const columns = [
    { title: 'Name', cell: (row: { name: string; size: number }) => row.name },
    {
      title: 'Size',
      align: 'right' as const,
      cell: (row: { name: string; size: number }) => String(row.size),
    },
  ]
  const rows = [
    { name: 'long name', size: 1 },
    { name: 'b', size: 12_345 },
  ]

  it('gives each column the width of its longest cell', () => {
    assert.deepEqual(tableLines(columns, rows, 80), [
      'Name        Size',
      '─────────  ─────',
      'long name      1',
      'b          12345',
    ])
  })

  it('moves the columns together where the window is narrow', () => {
    assert.equal(tableLines(columns, rows, 15)[1], '───────── ─────')
  })
})
