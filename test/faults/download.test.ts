import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { refresh } from '../../src/operations/refresh.ts';
import { type FaultySite, startFaultySite } from './faulty.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const NAME = 'livepatch-6.1.0-56-amd64-121.1-amd64.tar.gz';
const PATCHES = /^\/v1\/patches\//;

let site: FaultySite;
let file: Buffer;
beforeEach(async () => {
  site = await startFaultySite();
  file = readFileSync(join(site.server.files, NAME));
});

describe('a download goes on', () => {
  const requests = () => site.server.server.requests.filter(({ path }) => PATCHES.test(path));

  it('never, when the payload is here already: a patch that failed to apply is not fetched twice', async () => {
    site.kernel.refuseNextInsert('Invalid module format');
    await expect(refresh(site.context)).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(await refresh(site.context)).toMatchObject({ kind: 'applied' });
    expect(requests()).toHaveLength(1);
  });

  it('from the start, when the payload that is here was damaged', async () => {
    site.kernel.refuseNextInsert('Invalid module format');
    await expect(refresh(site.context)).rejects.toMatchObject({ code: 'kernel-refused' });
    writeFileSync(join(site.common, 'patches', site.payloads()[0] as string), Buffer.alloc(file.length));
    expect(await refresh(site.context)).toMatchObject({ kind: 'applied' });
    expect(requests()).toHaveLength(2);
  });

  it('and tells how far it is', async () => {
    const seen: [number, number][] = [];
    site.context.transferred = (received, total) => seen.push([received, total]);
    expect(await refresh(site.context)).toMatchObject({ kind: 'applied' });
    expect(seen.at(-1)).toEqual([file.length, file.length]);
  });
});
