import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../snap/generate/catalogue.ts';
import { EXIT_MEANINGS, manualPages } from '../../../snap/generate/manual.ts';
import { EXIT_STATUS } from '../../../src/errors.ts';

const entries = catalogue();
const pages = manualPages(entries, '1.2.3');
/** What a reader sees, near enough: without the macros and escapes. */
const plain = (page: string) => page.replaceAll('\\-', '-').replaceAll('\\(aq', "'").replaceAll('\\e', '\\');

describe('the manual', () => {
  it('explains every exit status there is', () => {
    const statuses = new Set([0, ...Object.values(EXIT_STATUS)]);
    expect(Object.keys(EXIT_MEANINGS).map(Number)).toEqual([...statuses].sort((a, b) => a - b));
  });

  it('names every command on its first page', () => {
    const first = plain(pages.get('canonical-livepatch.1') ?? '');
    expect(entries.filter(({ name, summary }) => !(first.includes(name) && first.includes(summary)))).toEqual(
      [],
    );
  });

  it.each(entries)('teaches $name: what it does, each flag, and an example', (entry) => {
    const page = plain(pages.get(`canonical-livepatch-${entry.name}.1`) ?? '');
    expect(page).toContain('.SH NAME');
    expect(entry.summary).not.toBe('');
    expect(entry.examples).not.toEqual([]);
    for (const { command } of entry.examples) expect(page).toContain(command);
    for (const { name, summary } of entry.flags) {
      expect(page).toContain(`--${name}`);
      expect(summary, name).not.toBe('');
    }
  });

  it('has no line that roff takes for a request of its own', () => {
    const known = /^\.(TH|SH|PP|TP|B|BR|I|EX|EE|br)\b/;
    for (const page of pages.values()) {
      const requests = page.split('\n').filter((line) => /^[.']/.test(line));
      expect(requests.filter((line) => !known.test(line))).toEqual([]);
    }
  });
});
