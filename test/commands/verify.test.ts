import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { makeModule } from '../patch/make/elf.ts';
import { patchFile, signedModule } from '../patch/make/patch.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { temporaryDirectory } from '../temporary.ts';

const signer = makeSigner();
const module = signedModule(signer);
const bin = join(import.meta.dirname, '../../bin/canonical-livepatch.js');

/** Runs the command as `npm run build` left it, in a directory with two good files and a bad one. */
function givenFiles() {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'signer.pem'), signer.pem);
  writeFileSync(join(directory, 'good.ko'), module);
  writeFileSync(join(directory, 'good.tar.gz'), patchFile(signer, module));
  writeFileSync(join(directory, 'unsigned.ko'), makeModule());
  return (...words: string[]) =>
    execa(process.execPath, [bin, 'verify', '--keys', 'signer.pem', ...words], {
      cwd: directory,
      reject: false,
    });
}

describe('canonical-livepatch verify', () => {
  test('ends with 0 when all files are accepted, a line each', async () => {
    const { exitCode, stdout } = await givenFiles()('good.ko', 'good.tar.gz');
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^✓ good\.ko: accepted: /),
      expect.stringMatching(/^✓ good\.tar\.gz: accepted: /),
    ]);
    expect(exitCode).toBe(0);
  });

  test.each([
    ['before the files', ['--allow-sha256', 'good.ko', 'good.tar.gz', 'unsigned.ko', 'good.ko']],
    ['among them', ['good.ko', 'good.tar.gz', '--format', 'humane', 'unsigned.ko', 'good.ko']],
    ['after them', ['good.ko', 'good.tar.gz', 'unsigned.ko', 'good.ko', '--allow-sha256']],
    ['cut off from them', ['--allow-sha256', '--', 'good.ko', 'good.tar.gz', 'unsigned.ko', 'good.ko']],
  ])('verifies every file, in their order, with options %s', async (_, words) => {
    const { stdout } = await givenFiles()(...words);
    const files = stdout.split('\n').map((line) => /^[✓✗] ([a-z.]+):/.exec(line)?.[1]);
    expect(files).toEqual(['good.ko', 'good.tar.gz', 'unsigned.ko', 'good.ko']);
  });

  test('ends with 65 when one is refused, and still tells of the others', async () => {
    const { exitCode, stdout } = await givenFiles()('unsigned.ko', 'good.ko');
    expect(stdout.split('\n')).toEqual([
      '✗ unsigned.ko: refused: the module is not signed',
      expect.stringMatching(/^✓ good\.ko: accepted: /),
    ]);
    expect(exitCode).toBe(65);
  });

  test('tells all of a file on its own', async () => {
    const { exitCode, stdout } = await givenFiles()('good.ko');
    expect(stdout).toMatch(/^file: good\.ko\nkind: module\nverdict: ✓ accepted\nsignature: good\n/);
    expect(exitCode).toBe(0);
  });

  test.each([
    ['json', JSON.parse],
    ['yaml', (text: string) => parse(text)],
  ])('prints one object a file as %s', async (format, read) => {
    const { exitCode, stdout } = await givenFiles()('--format', format, 'good.tar.gz', 'unsigned.ko');
    const objects = read(stdout);
    expect(objects).toMatchObject([
      {
        file: 'good.tar.gz',
        kind: 'patch',
        verdict: 'accepted',
        version: '121.4',
        fixes: [{ name: 'CVE-2026-0001' }],
      },
      { file: 'unsigned.ko', kind: 'module', signature: 'unsigned', verdict: 'refused', signer: null },
    ]);
    expect(Object.keys(objects[0])).toEqual(Object.keys(objects[1]));
    expect(exitCode).toBe(65);
  });

  test.each([
    ['no file', []],
    ['an unknown format', ['--format', 'xml', 'good.ko']],
  ])('ends with 64 for %s', async (_, words) => {
    const { exitCode, stdout, stderr } = await givenFiles()(...words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    expect(stderr).not.toBe('');
  });
});
