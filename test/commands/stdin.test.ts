import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

const stdin = JSON.stringify(join(import.meta.dirname, '../../src/commands/stdin.ts'));

/** What a function of stdin.ts makes of this input, in a process whose standard input it is. */
async function given(input: string, name: 'allOfStdin' | 'readTokenFromStdin'): Promise<unknown> {
  const program = `import { ${name} } from ${stdin};
    try { console.log(JSON.stringify(await ${name}())); } catch (error) { console.log(JSON.stringify({ error: error.message })); }`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', program], { input });
  return JSON.parse(stdout);
}

describe('a value from standard input', () => {
  it.each([
    ['120\n', '120'],
    ['120\r\n', '120'],
    ['120', '120'],
    ['120\n\n', '120\n'],
    [' https://x \n', ' https://x '],
    ['a\nb\n', 'a\nb'],
    ['\n', { error: 'standard input is empty' }],
    ['', { error: 'standard input is empty' }],
    ['x'.repeat(5 * 1024 * 1024), { error: 'standard input holds too much' }],
  ])('is taken without the newline at its end (%#)', async (input, value) => {
    expect(await given(input, 'allOfStdin')).toEqual(value);
  });
});

describe('a token from standard input', () => {
  it.each([
    ['token\n', 'token'],
    ['  token\r\nmore\n', 'token'],
    ['\ntoken\n', { error: 'standard input holds no token' }],
    ['', { error: 'standard input holds no token' }],
  ])('is its first line (%#)', async (input, value) => {
    expect(await given(input, 'readTokenFromStdin')).toEqual(value);
  });
});
