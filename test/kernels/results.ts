const TABLE = /^(\| kernel \|.*\n\|[-| ]+\|\n)((?:\|.*\n)*)/m;

/**
 * The document with these rows in its table of results: each in the place of an older one of its kernel, or after all
 * others. What is not in the table stays as it is. Throws when the document has no such table.
 *
 * @param rows cells; the first is the kernel. One that is undefined stays as it is in the older row.
 */
export function withRows(document: string, rows: readonly (readonly (string | undefined)[])[]): string {
  if (!TABLE.test(document)) throw new Error('there is no table of results to write into');
  return document.replace(TABLE, (_, head: string, body: string) => {
    const lines = new Map(
      body
        .split('\n')
        .filter(Boolean)
        .map((line) => [cellsOf(line)[0] ?? '', line]),
    );
    for (const row of rows) {
      const [kernel = ''] = row;
      const older = cellsOf(lines.get(kernel) ?? '');
      lines.set(kernel, `| ${row.map((cell, index) => cell ?? older[index] ?? '').join(' | ')} |`);
    }
    return head + [...lines.values()].map((line) => `${line}\n`).join('');
  });
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
