import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { certificatesAsDer } from '../../snap/packaging/stage.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import { openStore } from '../../src/store/store.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { temporaryDirectory } from '../temporary.ts';

const der = (pem: string) => execFileSync('openssl', ['x509', '-outform', 'DER'], { input: pem });

// To make keys takes time.
describe('the pinned certificates', { timeout: 60_000 }, () => {
  it('lie beside themselves as DER, each of a bundle on its own', async () => {
    const directory = temporaryDirectory();
    const [one, two] = [makeSigner().pem, makeSigner().pem];
    writeFileSync(join(directory, 'one.pem'), one);
    writeFileSync(join(directory, 'both.pem'), `Subject: first\r\n${one}\n# and\n${two}`);
    await certificatesAsDer(directory);
    expect(readdirSync(directory).sort()).toEqual([
      'both-2.der',
      'both.der',
      'both.pem',
      'one.der',
      'one.pem',
    ]);
    for (const [file, pem] of [
      ['one.der', one],
      ['both.der', one],
      ['both-2.der', two],
    ] as const) {
      expect(readFileSync(join(directory, file)).equals(der(pem))).toBe(true);
    }
  });

  it('are found by the client, for the hint of a kernel that does not know one', async () => {
    const [home, { pem }] = [temporaryDirectory(), makeSigner()];
    const keys = join(home, 'keys');
    mkdirSync(keys);
    writeFileSync(join(keys, 'both.pem'), `${makeSigner().pem}${pem}`);
    await certificatesAsDer(keys);
    const { derOf } = openStore({ LIVEPATCH_ROOT: home });
    const [anchor] = parseCertificates(Buffer.from(pem), 'given');
    expect(derOf(anchor?.fingerprint ?? '')).toBe(join(keys, 'both-2.der'));
    expect(derOf('0'.repeat(64))).toBeUndefined();
    expect(openStore({ LIVEPATCH_ROOT: join(home, 'none') }).derOf('0'.repeat(64))).toBeUndefined();
  });

  it('need not be there', async () => {
    await certificatesAsDer(join(temporaryDirectory(), 'keys'));
  });
});
