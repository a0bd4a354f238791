import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { breakingLine } from '../../catalogue/breaking-line.ts';
import { indexOf, listed, makeCatalogue, patchBytes, publishPatches } from '../../catalogue/make.ts';
import { putFiles, startNginx } from '../../catalogue/nginx.ts';
import { EXITS, startHttpProxy } from '../real-proxies.ts';
import { machineAt, versionsIn } from './scene.ts';

/** A line is written when its answer has been sent: those who read the answer may be sooner. */
const logged = (log: () => string[], lines: number) =>
  expect.poll(() => log().length, { timeout: 10_000 }).toBeGreaterThanOrEqual(lines);

describe('a catalogue on nginx, with TLS, ETag, Range and gzip', { timeout: 60_000 }, () => {
  it('is read, kept up with, and asked no more than is needed', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { ca, log, root, url } = await startNginx(made.files);
    const machine = machineAt(url, made.root, undefined, { caCerts: ca });

    const first = await machine.checkIn();
    expect(versionsIn(first)).toEqual(['121.1']);
    expect(await machine.fetch(listed('121.1'))).toEqual(patchBytes('121.1'));

    let seen = log().length;
    expect(await machine.checkIn(first === 'unchanged' ? undefined : first.tag)).toBe('unchanged');
    await logged(log, seen + 1);
    expect(log().slice(seen)).toEqual([
      'GET /metadata/timestamp.json 304 0 canonical-livepatch/1.0 127.0.0.1',
    ]);

    publishPatches(made, indexOf([listed('122.1'), listed('121.1')]));
    putFiles(root, made.files);
    seen = log().length;
    expect(versionsIn(await machine.checkIn())).toEqual(['122.1', '121.1']);
    await logged(log, seen + 5);
    const paths = log()
      .slice(seen)
      .map((line) => line.split(' ').slice(1, 3).join(' '));
    expect(paths).toHaveLength(5);
    expect(paths.slice(0, 3)).toEqual([
      '/metadata/timestamp.json 200',
      '/metadata/2.root.json 404',
      '/metadata/3.snapshot.json 200',
    ]);
  });

  it('is compressed for those who ask for that, which the client does not', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { ca, log, url } = await startNginx(made.files);
    const asked = { ca, headers: { 'accept-encoding': 'gzip' } };
    const [response] = await once(get(new URL('metadata/2.snapshot.json', url), asked), 'response');
    response.destroy();
    expect(response.headers['content-encoding']).toBe('gzip');
    await logged(log, 1);
    const seen = log().length;
    await machineAt(url, made.root, undefined, { caCerts: ca }).checkIn();
    await logged(log, seen + 5);
    const [, , , bytes] =
      log()
        .slice(seen)
        .find((line) => line.includes('2.snapshot.json'))
        ?.split(' ') ?? [];
    expect(Number(bytes)).toBe(made.files.get('metadata/2.snapshot.json')?.length);
  });

  it('goes on with a patch file at the byte where the line broke', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { ca, log, url } = await startNginx(made.files);
    const line = await breakingLine(url, 25_000);
    const machine = machineAt(line, made.root, undefined, { caCerts: ca });
    expect(await machine.fetch(listed('121.1'))).toEqual(patchBytes('121.1'));
    await logged(log, 2);
    const answers = log().map((answer) => answer.split(' ').slice(2, 4).map(Number));
    const { size } = listed('121.1');
    expect(answers.map(([status]) => status)).toEqual([200, 206]);
    expect(answers[1]?.[1]).toBeGreaterThan(0);
    expect(answers[1]?.[1]).toBeLessThan(size);
  });

  it('is read through a proxy', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { ca, log, url } = await startNginx(made.files);
    const proxy = `http://127.0.0.1:${await startHttpProxy()}`;
    const machine = machineAt(url, made.root, undefined, { caCerts: ca, httpsProxy: proxy });
    expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
    expect(await machine.fetch(listed('121.1'))).toEqual(patchBytes('121.1'));
    expect(new Set(log().map((line) => line.split(' ').at(-1)))).toEqual(new Set([EXITS.http]));
  });

  it('is refused when its certificate is nobody’s', async () => {
    const made = makeCatalogue();
    const { url } = await startNginx(made.files);
    await expect(machineAt(url, made.root).checkIn()).rejects.toMatchObject({ code: 'network' });
  });

  it('that lost a patch file says so', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { ca, root, url } = await startNginx(made.files);
    const machine = machineAt(url, made.root, undefined, { caCerts: ca });
    rmSync(join(root, 'patches'), { recursive: true });
    await expect(machine.fetch(listed('121.1'))).rejects.toMatchObject({ code: 'server-refused' });
  });
});
