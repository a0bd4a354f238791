import { describe, expect, it } from 'vitest';
import { fitToTerminal } from '../../src/report/terminal.ts';

const TEXT = '✓ one ✗ two ⧗ three';
const onTerminal = (env: Record<string, string>) =>
  fitToTerminal(TEXT, { isTerminal: true, env: { NO_COLOR: '1', ...env } });

describe('marks', () => {
  it.each([{ LC_ALL: 'C' }, { LANG: 'de_DE.ISO-8859-1' }, { TERM: 'dumb' }, {}])(
    'stay what the contract says in a pipe, whatever the locale (%j)',
    (env) => {
      expect(fitToTerminal(TEXT, { isTerminal: false, env })).toBe(TEXT);
    },
  );

  it.each([
    [{ LANG: 'en_US.UTF-8' }, TEXT],
    [{ LANG: 'C', LC_ALL: 'C.utf8' }, TEXT],
    [{ LANG: 'C', LC_CTYPE: 'C.UTF-8' }, TEXT],
    [{ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, '[ok] one [!!] two [..] three'],
    [{ LANG: 'en_US.UTF-8', LC_ALL: '' }, TEXT],
    [{}, '[ok] one [!!] two [..] three'],
  ])('are ASCII on a terminal without UTF-8 (%j)', (env, shown) => {
    expect(onTerminal(env as Record<string, string>)).toBe(shown);
  });

  it('are coloured on a terminal, unless NO_COLOR is set or the terminal is dumb', () => {
    const env = { LANG: 'C.UTF-8' };
    expect(fitToTerminal('✓', { isTerminal: true, env })).toBe('\x1b[32m✓\x1b[0m');
    expect(fitToTerminal('✓', { isTerminal: true, env: { ...env, NO_COLOR: '' } })).toBe('\x1b[32m✓\x1b[0m');
    expect(fitToTerminal('✓', { isTerminal: true, env: { ...env, NO_COLOR: '1' } })).toBe('✓');
    expect(fitToTerminal('✓', { isTerminal: true, env: { ...env, TERM: 'dumb' } })).toBe('✓');
  });
});
