import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withRows } from './results.ts';
import { KERNELS, kernelSpec } from './table.ts';

const document = `# Kernels

| kernel | suite |
| --- | --- |
| one | 1/2 |
| two | 3/3 |

| name | other table |
| --- | --- |
| one | stays |
`;

describe('the table of results', () => {
  it('gets a new row in the place of the kernel’s older one, and nothing else changes', () => {
    expect(withRows(document, [['one', '2/2']])).toBe(document.replace('| one | 1/2 |', '| one | 2/2 |'));
  });

  it('gets the row of a kernel that it did not have after all others', () => {
    const line = '| two | 3/3 |\n';
    expect(withRows(document, [['three', '4/4']])).toBe(document.replace(line, `${line}| three | 4/4 |\n`));
  });

  it('keeps what a row says nothing of', () => {
    expect(withRows(document, [['one', undefined]])).toBe(document);
    expect(withRows(document, [['three', undefined]])).toContain('| two | 3/3 |\n| three |  |\n');
  });

  it('has to be there', () => {
    expect(() => withRows('# Kernels\n', [])).toThrow('there is no table of results');
  });
});

describe('docs/kernels.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/kernels.md'), 'utf8');

  it('has the table that the run writes into', () => {
    expect(withRows(text, [])).toBe(text);
  });

  it.each(Object.keys(KERNELS))('tells of %s', (name) => {
    expect(text).toContain(`\`${name}\``);
  });
});

it('a kernel that is not there is named with those that are', () => {
  expect(() => kernelSpec('toString')).toThrow(/no kernel is called toString; there are debian-12, /);
});
