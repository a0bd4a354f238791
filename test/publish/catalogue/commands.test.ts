import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificates } from '../../../src/patch/trust.ts';
import { pack } from '../../../src/publish/pack.ts';
import { readSigningKey } from '../../../src/publish/signing-key.ts';
import { makeModule, RELEASE } from '../../patch/make/elf.ts';
import { keptSigner, type Signer } from '../../patch/make/pki.ts';
import { temporaryDirectory } from '../../temporary.ts';

const RUN = join(import.meta.dirname, '../run.ts');
const PASSPHRASE = 'correct horse';

const signer = keptSigner({ subject: '/O=Test/CN=Publisher' });
const stranger = keptSigner({ subject: '/O=Test/CN=Stranger' });
let begun: string;
const files: Record<string, Uint8Array> = {};

function run(words: string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [RUN, ...words], { encoding: 'utf8', input });
}

async function patchFile(version: string, by: Signer = signer): Promise<Uint8Array> {
  const label = { version, kernel: undefined, cumulative: true, releasedAt: '2026-01-01T00:00:00Z' };
  const key = readSigningKey(Buffer.from(by.keyPem), undefined, parseCertificates(by.der, 'cert.pem'));
  const { archive } = await pack(makeModule(), { ...label, fixes: ['CVE-2026-0001'] }, key, false);
  return archive;
}

beforeAll(async () => {
  begun = mkdtempSync(join(tmpdir(), 'livepatch-catalogue-'));
  const at = ['--catalogue', join(begun, 'catalogue'), '--new-keys', join(begun, 'keys')];
  const thresholds = ['--root-keys', '3', '--root-threshold', '2'];
  const { status, stderr } = run(['init', ...at, ...thresholds, '--passphrase-stdin'], `${PASSPHRASE}\n`);
  expect([status, stderr]).toEqual([0, '']);
  for (const version of ['121.1', '122.1']) files[version] = await patchFile(version);
  files.strange = await patchFile('123.1', stranger);
}, 120_000);

afterAll(() => rmSync(begun, { recursive: true }));

/** A copy of the catalogue that was begun, and commands that work on it. */
function workplace() {
  const directory = temporaryDirectory();
  cpSync(begun, directory, { recursive: true, preserveTimestamps: true });
  const at = (name: string) => join(directory, name);
  writeFileSync(at('cert.pem'), signer.pem);
  writeFileSync(at('stranger.pem'), stranger.pem);
  writeFileSync(at('passphrase'), `${PASSPHRASE}\n`);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(at(`${name}.tar.gz`), bytes);
  const catalogue = ['--catalogue', at('catalogue')];
  const keys = ['--keys', at('keys'), '--passphrase-file', at('passphrase')];
  return {
    at,
    run: (...words: string[]) => run([...words, ...catalogue]),
    change: (...words: string[]) => run([...words, ...catalogue, ...keys, '--json']),
    add: (name: string, ...words: string[]) =>
      run([
        'add',
        at(`${name}.tar.gz`),
        '--certificate',
        at('cert.pem'),
        ...words,
        ...catalogue,
        ...keys,
        '--json',
      ]),
    check: () => run(['check', ...catalogue, '--certificate', at('cert.pem'), '--json']),
  };
}

describe('a catalogue', { timeout: 120_000 }, () => {
  it('takes patches, shows them, and withdraws them', () => {
    const { add, change, check, run: plain } = workplace();
    const added = add('121.1', '--phase', '10');
    expect(added).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(added.stdout)).toMatchObject({
      version: '121.1',
      phase: 10,
      timestamp: 2,
      waitsFor: [],
    });
    expect(add('122.1', '--tier', 'edge').status).toBe(0);
    expect(plain('list').stdout).toBe(
      `${RELEASE} amd64: supported
  122.1  2026-01-01T00:00:00Z  edge  fixes 1
  121.1  2026-01-01T00:00:00Z  stable, 10 %  fixes 1
`,
    );
    expect(change('phase', '122.1', '50', '--tier', 'stable').status).toBe(0);
    expect(change('phase', '121.1', '100').status).toBe(0);
    expect(
      change('kernel', RELEASE, 'amd64', '--support', 'kernel-end-of-life', '--until', '2027-03-19').status,
    ).toBe(0);
    expect(check()).toMatchObject({ status: 0 });
    expect(change('withdraw', '121.1').status).toBe(0);
    expect(plain('list').stdout).toBe(
      `${RELEASE} amd64: kernel-end-of-life until 2027-03-19
  122.1  2026-01-01T00:00:00Z  stable, 50 %  fixes 1
  121.1  withdrawn
`,
    );
    expect(JSON.parse(check().stdout)).toEqual({ kernels: 1, patches: 1, problems: [] });
    const again = add('121.1');
    expect(again).toMatchObject({ status: 64, stderr: expect.stringContaining('patch 121.1 was withdrawn') });
  });

  it('is as it was after the same patch was added again', () => {
    const { add } = workplace();
    add('121.1');
    expect(JSON.parse(add('121.1').stdout)).not.toHaveProperty('timestamp');
  });

  it('takes no patch that machines would refuse', () => {
    const { add, at, change } = workplace();
    expect(add('strange')).toMatchObject({ status: 65, stderr: expect.stringContaining('sign') });
    writeFileSync(at('121.1.tar.gz'), 'no patch file');
    expect(add('121.1').status).toBe(65);
    expect(change('revoke', '--certificate', at('cert.pem')).status).toBe(0);
    expect(add('122.1')).toMatchObject({ status: 65, stderr: expect.stringContaining('revoked') });
  });

  it('signs with the targets keys, and publishes where the others are', () => {
    const { add, at, run: plain, check } = workplace();
    for (const role of ['snapshot', 'timestamp'])
      cpSync(at(`keys/${role}`), at(`job/${role}`), { recursive: true });
    for (const role of ['snapshot', 'timestamp']) rmSync(at(`keys/${role}`), { recursive: true });
    expect(JSON.parse(add('121.1').stdout)).toMatchObject({ waitsFor: ['snapshot', 'timestamp'] });
    expect(check()).toMatchObject({
      status: 65,
      stdout: expect.stringContaining('signed, and not published yet'),
    });
    const job = ['--keys', at('job'), '--passphrase-file', at('passphrase')];
    expect(plain('renew', ...job)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('published: timestamp 2'),
    });
    expect(check()).toMatchObject({ status: 0 });
    expect(plain('renew', ...job).stdout).toBe('nothing to publish: readers see all of this already\n');
    expect(plain('withdraw', '121.1', ...job)).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('1 keys have to sign for targets, and 0 are here'),
    });
  });

  it('gets new keys, by as many as have to sign', () => {
    const { at, change, check } = workplace();
    const two = readdirSync(at('keys/root'));
    expect(two).toHaveLength(3);
    const rotate = ['--rotate', 'root', '--rotate', 'timestamp', '--new-keys', at('new')];
    for (const name of two.slice(1)) rmSync(join(at('keys/root'), name));
    expect(change('renew', ...rotate)).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('2 keys have to sign for root'),
    });
    cpSync(join(begun, 'keys/root'), at('keys/root'), { recursive: true });
    expect(change('renew', ...rotate)).toMatchObject({ status: 0, stderr: '' });
    expect(check()).toMatchObject({ status: 0 });
    const modes = readdirSync(at('new'), { recursive: true, encoding: 'utf8' })
      .map((name) => statSync(join(at('new'), name)))
      .map((stat) => (stat.mode & 0o777).toString(8));
    expect(new Set(modes)).toEqual(new Set(['600', '700']));
  });

  it('has keys that are of no use without their passphrase', () => {
    const { at, run: plain } = workplace();
    const [name = ''] = readdirSync(at('keys/targets'));
    expect(readFileSync(join(at('keys/targets'), name), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect(plain('renew', '--keys', at('keys'))).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('is encrypted'),
    });
    const wrong = run(
      ['renew', '--catalogue', at('catalogue'), '--keys', at('keys'), '--passphrase-stdin'],
      'wrong\n',
    );
    expect(wrong).toMatchObject({ status: 78, stderr: expect.not.stringContaining('wrong') });
  });

  it('is found out by check when somebody has changed a file', () => {
    const { add, at, check } = workplace();
    add('121.1');
    const [patch = ''] = readdirSync(at('catalogue/patches'));
    writeFileSync(join(at('catalogue/patches'), patch), 'another');
    expect(check()).toMatchObject({
      status: 65,
      stdout: expect.stringContaining('size and SHA-256 declared'),
    });
  });

  it('loses what is old when it has been there for long enough, and no root', () => {
    const { add, at, change, check } = workplace();
    add('121.1');
    change('withdraw', '121.1');
    const before = readdirSync(at('catalogue/metadata'));
    change('renew', '--root');
    expect(readdirSync(at('catalogue/metadata'))).toEqual(expect.arrayContaining(before));
    execFileSync('find', [at('catalogue'), '-type', 'f', '-exec', 'touch', '-d', '8 days ago', '{}', '+']);
    expect(change('renew').status).toBe(0);
    const after = readdirSync(at('catalogue/metadata'));
    expect(after).toEqual(expect.arrayContaining(['1.root.json', '2.root.json', 'timestamp.json']));
    expect(after).toHaveLength(256 + 2 + 1 + 1 + 1);
    expect(readdirSync(at('catalogue/patches'))).toEqual([]);
    expect(check()).toMatchObject({ status: 0 });
  });

  it('is not begun twice', () => {
    const { at, run: plain } = workplace();
    expect(plain('init', '--new-keys', at('other'))).toMatchObject({ status: 64 });
    expect(run(['list', '--catalogue', at('nowhere')])).toMatchObject({
      status: 74,
      stderr: expect.stringContaining('there is no catalogue in'),
    });
  });
});
