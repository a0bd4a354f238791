const TABLE = /^(\| kernel \|.*\n\|[-| ]+\|\n)((?:\|.*\n)*)/m;

/**
 * The document with these rows in its table of results: each in the place of an older one of its kernel, or after all
 * others. What is not in the table stays as it is. Throws when the document has no such table.
 *
 * @param rows cells; the first is the kernel.
 */
export function withRows(document: string, rows: readonly (readonly string[])[]): string {
  if (!TABLE.test(document)) throw new Error('there is no table of results to write into');
  return document.replace(TABLE, (_, head: string, body: string) => {
    const lines = new Map(
      body
        .split('\n')
        .filter(Boolean)
        .map((line) => [kernelOf(line), line]),
    );
    for (const row of rows) {
      const line = `| ${row.join(' | ')} |`;
      lines.set(kernelOf(line), line);
    }
    return head + [...lines.values()].map((line) => `${line}\n`).join('');
  });
}

function kernelOf(line: string): string {
  return line.split('|')[1]?.trim() ?? '';
}
