import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { NO_TOKEN, tokenFile } from '../../src/store/token.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';

describe('the machine token', () => {
  it('is one line, for root alone', () => {
    const path = join(temporaryDirectory(), 'machine-token');
    const file = tokenFile(path);
    expect([file.exists(), file.read()]).toEqual([false, undefined]);
    file.write(new Secret(TOKEN));
    expect(readFileSync(path, 'utf8')).toBe(`${TOKEN}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect([file.exists(), file.read()?.reveal()]).toEqual([true, TOKEN]);
    file.remove();
    expect(file.exists()).toBe(false);
    file.remove();
  });

  it.each(['catalogue', 'an-opaque.token:of/a_host', NO_TOKEN, TOKEN, TOKEN.toUpperCase()])(
    'is read back as it was given to a catalogue, of any form: %s',
    (text) => {
      const path = join(temporaryDirectory(), 'machine-token');
      const file = tokenFile(path);
      file.write(new Secret(text));
      expect(file.read()?.reveal()).toBe(text);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    },
  );

  it.each([
    ...Object.entries(OBSTACLES),
    ['half a token', (path: string) => writeFileSync(path, TOKEN.slice(0, 31))],
    ['a token in capitals', (path: string) => writeFileSync(path, TOKEN.toUpperCase())],
    ['two tokens', (path: string) => writeFileSync(path, `${TOKEN}\n${TOKEN}\n`)],
  ])('with %s in its place says what leads out, and can be removed', (_what, obstruct) => {
    const path = join(temporaryDirectory(), 'machine-token');
    const file = tokenFile(path);
    obstruct(path);
    expect(file.exists()).toBe(true);
    expect(() => file.read()).toThrow(
      expect.objectContaining({
        code: 'storage',
        message: expect.not.stringContaining(TOKEN.slice(0, 8)),
        hint: "Run 'sudo canonical-livepatch disable', which removes it, then enable again.",
      }),
    );
    file.remove();
    expect([file.exists(), file.read()]).toEqual([false, undefined]);
    file.write(new Secret(TOKEN));
    expect(file.read()?.reveal()).toBe(TOKEN);
  });

  it.skipIf(process.getuid?.() !== 0)('is not taken for absent by somebody who may not look', async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'closed'), { mode: 0o700 });
    writeFileSync(join(directory, 'closed', 'machine-token'), TOKEN);
    const program = `import { NO_TOKEN, tokenFile } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/token.ts'))};
      process.setuid(65534);
      try { console.log(tokenFile(process.argv[2]).exists()); } catch (error) { console.log(error.code, error.message); }`;
    writeFileSync(join(directory, 'ask.ts'), program);
    const path = join(directory, 'closed', 'machine-token');
    const { stdout } = await execa(process.execPath, [join(directory, 'ask.ts'), path]);
    expect(stdout).toBe(`no-permission only root may look for ${path}`);
  });
});
