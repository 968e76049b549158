/** How a column's cells stand. */
export type Alignment = 'left' | 'right';

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Lays rows out in columns that are as wide as their widest cell, two spaces apart, with a rule under the header. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  alignments: readonly Alignment[] = [],
): string {
  const widths = header.map((cell, column) =>
    Math.max(visibleLength(cell), ...rows.map((row) => visibleLength(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => pad(cells[column] ?? '', width, alignments[column] ?? (column === 0 ? 'left' : 'right')))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(header), rule, ...rows.map(line)].join('\n');
}

function pad(cell: string, width: number, alignment: Alignment): string {
  const space = ' '.repeat(Math.max(0, width - visibleLength(cell)));
  return alignment === 'left' ? cell + space : space + cell;
}

/** Characters that show: colour codes take no room. */
function visibleLength(text: string): number {
  return [...text.replace(ESCAPES, '')].length;
}
