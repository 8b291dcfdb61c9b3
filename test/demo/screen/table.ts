// A table as text: columns as wide as their longest cell, parted by two spaces, or by one where the width is short.

export type Column<Row> = {
  readonly title: string
  readonly align?: 'right'
  readonly cell: (row: Row) => string
}

/** The title line, a rule and a line a row. Never cuts a cell: lines grow beyond `width` when one space is too much. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): string[] {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  )
  const wide = widths.reduce((sum, each) => sum + each, 0) + 2 * (columns.length - 1)
  const gap = wide <= width ? '  ' : ' '
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) => {
        const columnWidth = widths[index] ?? 0
        return columns[index]?.align === 'right' ? text.padStart(columnWidth) : text.padEnd(columnWidth)
      })
      .join(gap)
      .trimEnd()
  return [
    line(columns.map(({ title }) => title)),
    widths.map((each) => '─'.repeat(each)).join(gap),
    ...cells.map(line),
  ]
}
