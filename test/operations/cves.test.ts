import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { status } from '../../src/operations/status.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { type Scene, startScene } from './scene.ts';

const FIXES = { timestamp: '2026-11-20T08:00:00Z', kernelPackageFixes: ['CVE-2026-0001', 'CVE-2026-0002'] };

/** An enabled machine whose server knows of newer kernel packages. */
async function informed(options?: Parameters<typeof startScene>[0]): Promise<Scene> {
  const scene = await startScene(options);
  scene.server.database.setKernelPackageFixes(MACHINE.kernel, MACHINE.architecture, FIXES);
  await enable(scene.context, scene.authToken);
  return scene;
}

const asked = ({ server }: Scene) =>
  server.server.requests.filter(({ path }) => path.endsWith('/cves')).map((request) => request.status);

describe('CVE data', () => {
  it('is shown by status, to everybody', async () => {
    const scene = await informed();
    expect(status(scene.context, { showCves: true, showInstalled: true })).toMatchObject({
      cves: FIXES,
      installedKernels: [MACHINE.release],
    });
    expect(statSync(join(scene.data, 'cves.json')).mode & 0o777).toBe(0o644);
  });

  it('is fetched once, and again when it has changed', async () => {
    const scene = await informed();
    await refresh(scene.context);
    expect(asked(scene)).toEqual([200]);
    const changed = { ...FIXES, kernelPackageFixes: ['CVE-2026-0003'] };
    scene.server.database.setKernelPackageFixes(MACHINE.kernel, MACHINE.architecture, changed);
    await refresh(scene.context);
    expect(asked(scene)).toEqual([200, 200]);
    expect(status(scene.context, { showCves: true }).cves).toMatchObject(changed);
  });

  it('is fetched again when the kept file is damaged', async () => {
    const scene = await informed();
    const path = join(scene.data, 'cves.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -9));
    expect(status(scene.context, { showCves: true }).cves).toBeUndefined();
    await refresh(scene.context);
    expect(status(scene.context, { showCves: true }).cves).toMatchObject(FIXES);
  });

  it('is fetched after the patch, also when that failed', async () => {
    const scene = await startScene();
    scene.publish('121.1');
    scene.server.database.setKernelPackageFixes(MACHINE.kernel, MACHINE.architecture, FIXES);
    scene.kernel.refuseNextInsert('Invalid module format');
    expect(await enable(scene.context, scene.authToken)).toMatchObject({ first: { code: 'kernel-refused' } });
    expect(scene.server.server.requests.at(-1)?.path).toMatch(/\/cves$/);
    expect(status(scene.context, { showCves: true }).cves).toMatchObject(FIXES);
  });

  it('goes when the server has none, and with disable', async () => {
    const scene = await informed();
    await disable(scene.context, { unpatch: false });
    expect(scene.store.cves.read()).toBeUndefined();
    const { machineToken: _, ...again } = await enable(scene.context, scene.authToken);
    expect(again).toMatchObject({ first: { kind: 'kept' } });
    expect(scene.store.cves.read()).toMatchObject(FIXES);
  });

  const body = JSON.stringify({ schema: 1, ...FIXES });
  const faults: [string, status: number, headers: Record<string, string>, body: string, told: RegExp][] = [
    [
      'another ETag than its digest',
      200,
      { etag: `"${'0'.repeat(64)}"` },
      body,
      /its ETag is not its SHA-256$/,
    ],
    ['no ETag', 200, {}, body, /its ETag is not its SHA-256$/],
    ['304 for what it was not asked', 304, {}, '', /the server answered 304$/],
    ['a page', 404, { 'content-type': 'text/html' }, '<h1>Not Found</h1>', /the server answered 404$/],
    ['too much', 200, {}, 'x'.repeat(2_000_000), /it is too long$/],
  ];
  it.each(faults)('is not taken, and no failure, with %s', async (_what, code, headers, text, told) => {
    const scene = await informed({
      intercept(request, response) {
        if (!request.url?.endsWith('/cves')) return false;
        response.writeHead(code, headers).end(text);
        return true;
      },
    });
    scene.publish('121.1');
    expect(await refresh(scene.context)).toMatchObject({ kind: 'applied' });
    expect(status(scene.context, { showCves: true }).cves).toBeUndefined();
    expect(scene.whispered.at(-1)).toMatch(told);
  });
});
