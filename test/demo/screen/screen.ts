// The terminal: lines that stay, and below them a few that are drawn again in place. On anything but a terminal (a pipe,
// a CI log) nothing is drawn in place and no escape sequence is written.

import { styleText } from 'node:util'

const UP = (lines: number) => `\x1b[${lines}A`
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const PLAIN_WIDTH = 100

export type Terminal = {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface Screen {
  /** False: progress is to be told by lines. */
  readonly isLive: boolean
  /** Columns that a line may take. */
  readonly width: number
  /** A line that stays. */
  print(line?: string): void
  /** Replaces the lines at the bottom; one write, so that nothing flickers. */
  draw(lines: readonly string[]): void
  /** What is drawn now stays as it is. */
  keep(): void
  /** Gives the cursor back. */
  close(): void
}

export function createScreen(terminal: Terminal, env: Readonly<Record<string, string | undefined>>): Screen {
  const isLive = terminal.isTTY === true && env.TERM !== 'dumb'
  const hasColours = isLive && !env.NO_COLOR
  let drawn: readonly string[] = []
  let isHidden = false
  // The last column stays free: a full line makes some terminals wrap.
  const width = () => (isLive ? Math.max(40, (terminal.columns ?? 80) - 1) : PLAIN_WIDTH)
  const finish = (line: string) => paint(fit(line, width()), hasColours)
  const back = () => (drawn.length === 0 ? '' : `\r${UP(drawn.length)}`)
  const block = (lines: readonly string[]) => lines.map((line) => `${finish(line)}${CLEAR_LINE}\n`).join('')
  return {
    isLive,
    get width() {
      return width()
    },
    print: (line = '') => {
      if (!isLive) terminal.write(`${line}\n`)
      else terminal.write(`${back()}${CLEAR_BELOW}${paint(line, hasColours)}\n${block(drawn)}`)
    },
    draw: (lines) => {
      if (!isLive) return
      // More lines than the window has could not be reached again from below.
      const shown = lines.slice(0, Math.max(1, (terminal.rows ?? 24) - 1))
      const hide = isHidden ? '' : HIDE_CURSOR
      isHidden = true
      terminal.write(`${hide}${back()}${block(shown)}${shown.length < drawn.length ? CLEAR_BELOW : ''}`)
      drawn = shown
    },
    keep: () => {
      drawn = []
    },
    close: () => {
      if (isHidden) terminal.write(SHOW_CURSOR)
      isHidden = false
    },
  }
}

/** Cuts a line to a number of columns. Every character that the demo prints takes one. */
export function fit(line: string, width: number): string {
  const characters = [...line]
  return characters.length <= width ? line : `${characters.slice(0, width - 1).join('')}…`
}

const COLOURS = { '✓': 'green', '✗': 'red', '↻': 'yellow', '↑': 'cyan' } as const

function paint(line: string, hasColours: boolean): string {
  if (!hasColours) return line
  return line.replace(/^(\s*)([✓✗↻↑])/u, (_, space: string, mark: keyof typeof COLOURS) => {
    return space + styleText(COLOURS[mark], mark, { validateStream: false })
  })
}
