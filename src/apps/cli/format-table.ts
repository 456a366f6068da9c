/** Columns stop growing here; the last one is never cut. */
const COLUMN_WIDTH_MAX = 60

/** Rows under headings, in columns as wide as their longest entry. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.min(
      Math.max(heading.length, ...rows.map((row) => [...(row[column] ?? '')].length)),
      COLUMN_WIDTH_MAX,
    ),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : fit(cell, widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(headings), ...rows.map(line)].join('\n')
}

function fit(cell: string, width: number): string {
  const letters = [...cell]
  return letters.length > width
    ? `${letters.slice(0, width - 1).join('')}…`
    : cell + ' '.repeat(width - letters.length)
}
