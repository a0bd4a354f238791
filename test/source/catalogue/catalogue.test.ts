import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { setKernel } from '../../../src/publish/catalogue/entries.ts';
import { Secret } from '../../../src/secret.ts';
import { indexOf, listed, makeCatalogue, patchBytes, publishPatches } from '../../catalogue/make.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { MACHINE, machineAt, machineOf, reportOf, versionsIn } from './scene.ts';

function signedIn({ files }: ReturnType<typeof makeCatalogue>, role: string) {
  return JSON.parse((files.get(`metadata/${role}.json`) as Buffer).toString('utf8')).signed;
}

describe('a catalogue as a source', () => {
  it('names what its index names, as it is', async () => {
    const made = makeCatalogue();
    const withdrawn = [{ version: '119.1', digest: 'a'.repeat(128) }];
    const facts = {
      support: 'kernel-upgrade-required',
      upgradeRequiredDate: '2027-03-19',
      withdrawn,
    } as const;
    publishPatches(made, indexOf([listed('121.1', { phase: 10 }), listed('120.1')], { ...facts, withdrawn }));
    made.change((repository) => repository.revokeKeys(['b'.repeat(64)]));
    const { machine } = await machineOf(made);
    const { tier: _, ...newest } = listed('121.1', { phase: 10 });
    const { tier: __, ...older } = listed('120.1');
    expect(await machine.checkIn()).toEqual({
      kernel: MACHINE.kernel,
      tier: 'stable',
      ...facts,
      candidates: [newest, older],
      revokedKeys: ['b'.repeat(64)],
      tag: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it.each([
    ['stable', ['118.1']],
    ['candidate', ['119.1', '118.1']],
    ['beta', ['120.1', '119.1', '118.1']],
    ['edge', ['121.1', '120.1', '119.1', '118.1']],
  ])('shows tier %s the patches that have come so far', async (tier, versions) => {
    const made = makeCatalogue();
    const patches = [
      listed('121.1', { tier: 'edge' }),
      listed('120.1', { tier: 'beta' }),
      listed('119.1', { tier: 'candidate' }),
      listed('118.1'),
    ];
    publishPatches(made, indexOf(patches));
    const { machine } = await machineOf(made);
    const { advice } = await machine.source({ tier }).checkIn(reportOf(), undefined);
    expect(versionsIn(advice)).toEqual(versions);
  });

  it('takes no tier that does not exist', async () => {
    const { machine } = await machineOf(makeCatalogue());
    expect(() => machine.source({ tier: 'stabel' })).toThrow('only edge, beta, candidate, stable');
  });

  it('says that a kernel is not supported which is not in it', async () => {
    const { machine } = await machineOf(makeCatalogue());
    expect(await machine.checkIn()).toMatchObject({ support: 'unsupported', candidates: [] });
  });

  it('tells when the catalogue was renewed, until when it is good, and what time its host has', async () => {
    const made = makeCatalogue();
    const { host, machine } = await machineOf(made);
    const { expires, 'x-livepatch-issued': issued } = signedIn(made, 'timestamp');
    host.clock = new Date('2026-11-22T12:00:00Z');
    const first = await machine.source().checkIn(reportOf(), undefined);
    const times = {
      freshness: { renewedAt: issued, expiresAt: expires.replace('Z', '.000Z') },
      issuedAt: '2026-11-22T12:00:00.000Z',
    };
    expect(first).toMatchObject(times);
    const known = first.advice === 'unchanged' ? undefined : first.advice.tag;
    expect(await machine.source().checkIn(reportOf({ known }), undefined)).toEqual({
      ...times,
      advice: 'unchanged',
    });
  });

  it.each([
    ['through a cache', { date: 'Sun, 22 Nov 2026 11:00:00 GMT', age: '3600' }, '2026-11-22T12:00:00.000Z'],
    ['in no form of ours', { date: 'Fri, 31 Dec 99999 23:59:59 GMT' }, undefined],
    ['that is none', { date: 'now' }, undefined],
  ])('takes the time of a host %s as it is meant', async (_, headers, issuedAt) => {
    const made = makeCatalogue();
    const { host, machine } = await machineOf(made);
    for (const [path, bytes] of made.files)
      host.overrides.set(path, (_, response) => void response.writeHead(200, headers).end(bytes));
    host.overrides.set('metadata/2.root.json', (_, response) => void response.writeHead(404, headers).end());
    expect((await machine.source().checkIn(reportOf(), undefined)).issuedAt).toBe(issuedAt);
  });

  it('hands out the file of a patch', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { machine } = await machineOf(made);
    expect(await machine.fetch(listed('121.1'))).toEqual(patchBytes('121.1'));
  });

  it('asks once when nothing is new, and gets no more than a head', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const first = await machine.checkIn();
    host.served.length = 0;
    expect(await machine.checkIn(first === 'unchanged' ? undefined : first.tag)).toBe('unchanged');
    expect(host.served).toEqual([{ path: 'metadata/timestamp.json', status: 304, bytes: 0 }]);
  });

  it('gets under 2 KiB from a host that knows no 304', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const first = await machine.checkIn();
    const timestamp = made.files.get('metadata/timestamp.json') as Buffer;
    let answers = 0;
    host.overrides.set('metadata/timestamp.json', (_, response) => {
      answers += 1;
      response.end(timestamp);
    });
    host.served.length = 0;
    expect(await machine.checkIn(first === 'unchanged' ? undefined : first.tag)).toBe('unchanged');
    expect([host.served.length, answers]).toEqual([1, 1]);
    expect(timestamp.length).toBeLessThan(2048);
  });

  it('names everything again to who remembers nothing', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { machine } = await machineOf(made);
    await machine.checkIn();
    expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
  });

  it.each([
    [
      'another patch',
      (made: ReturnType<typeof makeCatalogue>) => publishPatches(made, indexOf([listed('122.1')])),
    ],
    [
      'a revoked key',
      (made: ReturnType<typeof makeCatalogue>) =>
        made.change((repository) => repository.revokeKeys(['b'.repeat(64)])),
    ],
  ])('tells of %s who knows what was before', async (_, change) => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { machine } = await machineOf(made);
    const first = await machine.checkIn();
    change(made);
    expect(await machine.checkIn(first === 'unchanged' ? undefined : first.tag)).not.toBe('unchanged');
  });

  it('does not fetch what changed for another kernel', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const first = await machine.checkIn();
    publishPatches(made, indexOf([listed('122.1')], { kernel: '5.15.0-1' }));
    host.served.length = 0;
    expect(await machine.checkIn(first === 'unchanged' ? undefined : first.tag)).toBe('unchanged');
    expect(host.served.map(({ path }) => path)).toEqual([
      'metadata/timestamp.json',
      'metadata/2.root.json',
      'metadata/3.snapshot.json',
    ]);
  });

  it('sends nothing but GETs, and the token where there is one', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const source = machine.source();
    await source.checkIn(reportOf(), new Secret('s3cret'));
    for await (const _ of source.fetch(listed('121.1'), new Secret('s3cret')));
    expect(new Set(host.served.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer s3cret']),
    );
    const sent = JSON.stringify(host.served);
    expect(sent).not.toContain(MACHINE.id);
    expect(source.registry).toBeUndefined();
  });

  it('goes on with a patch file where it broke off', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const path = `patches/${listed('121.1').sha256}`;
    const bytes = patchBytes('121.1');
    host.overrides.set(path, (_, response) => {
      host.overrides.delete(path);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => response.destroy());
    });
    expect(await machine.fetch(listed('121.1'))).toEqual(bytes);
  });

  it('hands out CVE data, once', async () => {
    const made = makeCatalogue();
    const data = { timestamp: '2026-11-01T00:00:00Z', kernelPackageFixes: ['CVE-2026-0002'] };
    made.change((repository) => {
      setKernel(repository, MACHINE.kernel, 'amd64', { cves: Buffer.from(JSON.stringify(data)) });
    });
    const { machine } = await machineOf(made);
    const source = machine.source();
    const { advice } = await source.checkIn(reportOf(), undefined);
    const digest = advice === 'unchanged' ? undefined : advice.cves;
    expect(await source.cves(MACHINE, undefined, undefined)).toEqual({ ...data, digest });
    expect(await source.cves(MACHINE, undefined, digest)).toBe('unchanged');
    expect(await machine.source().cves({ ...MACHINE, kernel: '5.4.0-1' }, undefined, undefined)).toBe('none');
  });

  it('reads a directory: a memory stick, a mount', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const directory = temporaryDirectory();
    for (const [path, bytes] of made.files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
    const machine = machineAt(pathToFileURL(directory), made.root);
    const advice = await machine.checkIn();
    expect(versionsIn(advice)).toEqual(['121.1']);
    expect(await machine.fetch(listed('121.1'))).toEqual(patchBytes('121.1'));
    expect(await machine.checkIn(advice === 'unchanged' ? undefined : advice.tag)).toBe('unchanged');
    writeFileSync(join(directory, 'patches', listed('121.1').sha256), 'another');
    await expect(machine.fetch(listed('121.1'))).rejects.toMatchObject({ code: 'digest' });
  });

  it.each(['gone', 'empty'])('knows a memory stick that was pulled: its directory is %s', async (how) => {
    const made = makeCatalogue();
    const directory = temporaryDirectory();
    if (how === 'gone') rmSync(directory, { recursive: true });
    const machine = machineAt(pathToFileURL(directory), made.root);
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'network',
      message: `there is no directory ${directory}/metadata/`,
      hint: expect.stringMatching(/^Is the medium still there, and mounted\?/),
    });
  });

  it('says of metadata without a timestamp that it is no catalogue', async () => {
    const made = makeCatalogue();
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'metadata'));
    const machine = machineAt(pathToFileURL(directory), made.root);
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(/^there is no catalogue at file:/),
    });
  });
});
