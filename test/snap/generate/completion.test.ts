import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../snap/generate/catalogue.ts';
import { completions } from '../../../snap/generate/completion.ts';

const entries = catalogue();
const files = completions(entries);

/** What bash offers after these words, the last of which is being typed. */
function offered(...words: string[]): string[] {
  const typed = ['canonical-livepatch', ...words].map((word) => `'${word}'`).join(' ');
  const script = `${files.get('canonical-livepatch.bash')}
COMP_WORDS=(${typed}); COMP_CWORD=${words.length}
_canonical_livepatch
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
}

describe('completion in bash', () => {
  it.each([
    [['st'], ['status']],
    [['status', '--f'], ['--format']],
    [
      ['status', '--format', ''],
      ['humane', 'json', 'yaml', 'prometheus'],
    ],
    [['history', '--format', 'j'], ['json']],
    [['config', 'remote'], ['remote-server=']],
    [['config', '--format', 'y'], ['yaml']],
    [
      ['refresh', '--'],
      ['--boot', '--timer', '--retry-blocked', '--skip-phase', '--dry-run', '--debug', '--help'],
    ],
    [['nothing', ''], ['']],
  ])('of %j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });

  it('offers every command', () => {
    expect(offered('')).toEqual([...entries.map(({ name }) => name), 'help', '--version']);
  });
});

describe.each(['_canonical-livepatch', 'canonical-livepatch.fish'])('completion in %s', (file) => {
  it.each(entries)('knows $name and its flags', ({ flags, name }) => {
    const text = files.get(file) ?? '';
    expect(text).toContain(name);
    for (const flag of flags) expect(text).toMatch(new RegExp(`(--|-l )${flag.name}\\b`));
  });
});
