import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { status } from '../../src/operations/status.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { type Flaw, OURS, startScene } from './scene.ts';

const FIRST = 'lkp_Debian_6_1_0_56_amd64_121';
const SECOND = 'lkp_Debian_6_1_0_56_amd64_122';

/** A machine that was enabled when nothing was due yet. */
async function enabled(options?: Parameters<typeof startScene>[0]) {
  const scene = await startScene(options);
  await enable(scene.context, scene.authToken);
  return scene;
}

function flip(bytes: Buffer, at: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] as number) ^ 0x40;
  return flipped;
}

describe('refresh', () => {
  it('does nothing to a machine that is not enabled', async () => {
    const { kernel, context } = await startScene();
    await expect(refresh(context)).rejects.toMatchObject({ code: 'not-enabled' });
    expect(kernel.deeds).toEqual([]);
  });

  it('finds nothing to do, and says so', async () => {
    const { context } = await enabled();
    expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'nothing-offered' });
  });

  it('applies a patch, moves on to a newer one, and unloads the module that was replaced', async () => {
    const { kernel, publish, context } = await enabled();
    publish('121.1');
    expect(await refresh(context)).toMatchObject({ kind: 'applied' });
    expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'already-applied' });
    publish('122.1');
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '122.1' }] });
    expect(kernel.deeds).toEqual([`insert ${FIRST}`, `insert ${SECOND}`, `remove ${FIRST}`]);
    expect(status(context)).toMatchObject({ patchState: 'applied', version: '122.1' });
  });

  it('tells the kernel where the certificate of the signer lies as DER, for its hint', async () => {
    const { common, kernel, publish, context } = await enabled();
    const keys = join(common, '../keys');
    mkdirSync(keys);
    writeFileSync(join(keys, 'ours.der'), OURS.der);
    const insert = vi.spyOn(kernel, 'insert');
    publish('121.1');
    await refresh(context);
    expect(insert).toHaveBeenCalledExactlyOnceWith(expect.any(Number), join(keys, 'ours.der'));
  });

  it.each([
    ['122.1', 'under another name'],
    ['121.2', 'under the same name'],
  ])('knows %s, which a newer revision of the snap has applied %s', async (newer) => {
    const { data, publish, context } = await enabled();
    publish('121.1');
    await refresh(context);
    cpSync(data, `${data}.before`, { recursive: true });
    publish(newer, { parts: { filler: Buffer.from(newer) } });
    await refresh(context);
    // As snapd does with $SNAP_DATA when the snap is reverted.
    rmSync(data, { recursive: true });
    renameSync(`${data}.before`, data);
    expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'already-applied' });
    expect(status(context)).toMatchObject({ patchState: 'applied', version: newer, missing: [] });
  });

  it('applies again after a reboot', async () => {
    const { kernel, publish, context } = await enabled();
    publish('121.1');
    await refresh(context);
    kernel.reboot();
    expect(await refresh(context)).toMatchObject({ kind: 'applied' });
    expect(kernel.deeds).toEqual([`insert ${FIRST}`, `insert ${FIRST}`]);
  });

  it('does not go back to an older patch, and keeps saying that the newer one is applied', async () => {
    const { kernel, publish, server, context } = await enabled();
    publish('121.1');
    publish('122.1');
    await refresh(context);
    server.database.forgetVersion('122.1');
    expect(await refresh(context)).toMatchObject({
      kind: 'kept',
      why: 'already-applied',
      held: [{ why: 'rollback', missed: [] }],
    });
    expect(kernel.deeds).toEqual([`insert ${SECOND}`]);
    expect(status(context)).toMatchObject({ patchState: 'applied', version: '122.1' });
  });

  it.each([
    ['does', true, { kind: 'applied', patches: [{ version: '121.1' }] }],
    ['does not', false, { kind: 'kept', why: 'already-applied', held: [{ why: 'rollback' }] }],
  ])('%s go back when the newer one was withdrawn (over https: %s)', async (_, tls, result) => {
    const { publish, server, context } = await enabled({ tls });
    publish('121.1');
    publish('122.1');
    await refresh(context);
    server.database.withdraw('122.1');
    expect(await refresh(context)).toMatchObject(result);
  });

  it('keeps every file 0600 and its own directory 0700, but for what is published', async () => {
    const { common, data, publish, context } = await enabled();
    publish('121.1');
    await refresh(context);
    const modes = [
      common,
      data,
      join(common, 'patches'),
      join(common, 'logs'),
      join(data, 'history'),
    ].flatMap((directory) =>
      readdirSync(directory).map((name) => {
        const mode = statSync(join(directory, name)).mode & 0o777;
        return `${/^[0-9a-f]{64}$/.test(name) ? 'payload' : name} ${mode.toString(8)}`;
      }),
    );
    expect(modes.sort()).toEqual([
      'catalogue 700',
      'config 600',
      'events.log 600',
      'history 700',
      'last-check 600',
      'locks 700',
      'logs 700',
      'machine-token 600',
      'patches 700',
      'payload 600',
      'pings.json 600',
      'run-lock 600',
      'security.log 600',
      'state.json 644',
    ]);
    expect(readFileSync(join(data, 'state.json'), 'utf8')).not.toContain(
      readFileSync(join(common, 'machine-token'), 'utf8').trim(),
    );
  });

  const stranger = makeSigner();
  const refused: [string, Flaw, string][] = [
    ['a flipped byte in the module', { module: (bytes) => flip(bytes, 200) }, 'signature'],
    ['a flipped byte in the signature', { module: (bytes) => flip(bytes, bytes.length - 100) }, 'signature'],
    ['a flipped byte in the trailer', { module: (bytes) => flip(bytes, bytes.length - 30) }, 'signature'],
    ['a signature by somebody else', { signer: stranger }, 'signature'],
    ['no signature', { module: (bytes) => bytes.subarray(0, 400) }, 'signature'],
    ["another kernel's patch", { kernel: '6.1.0-1-amd64' }, 'kernel-mismatch'],
    [
      "another kernel's module",
      { kernel: '6.1.0-1-amd64', metadata: { kernel: '6.1.0-56-amd64' } },
      'kernel-mismatch',
    ],
    ["another architecture's patch", { metadata: { architecture: 's390x' } }, 'metadata'],
    ['another version than was offered', { metadata: { version: '120.1' } }, 'metadata'],
  ];
  it.each(refused)('refuses %s and leaves the kernel alone', async (_what, flaw, code) => {
    const { common, kernel, publish, context } = await enabled();
    publish('121.1', flaw);
    await expect(refresh(context)).rejects.toMatchObject({ code });
    expect(kernel.deeds).toEqual([]);
    expect(readdirSync(join(common, 'patches'))).toEqual([]);
    expect(status(context)).toMatchObject({ patchState: 'apply-failed', version: '', failure: { code } });
  });

  it('refuses a file that is not the one declared, and leaves the kernel alone', async () => {
    const { common, kernel, publish, server, context } = await enabled();
    publish('121.1');
    const file = join(server.files, 'livepatch-6.1.0-56-amd64-121.1-amd64.tar.gz');
    writeFileSync(file, flip(readFileSync(file), 300));
    await expect(refresh(context)).rejects.toMatchObject({
      code: 'digest',
      message: expect.stringContaining('does not have the SHA-256 declared'),
    });
    expect(kernel.deeds).toEqual([]);
    expect(readdirSync(join(common, 'patches'))).toEqual([]);
  });

  it('refuses a file that never ends', async () => {
    const { kernel, publish, context } = await enabled({
      intercept(request, response) {
        if (!request.url?.startsWith('/v1/patches/')) return false;
        response.writeHead(200);
        const pour = (): void => {
          while (response.write(Buffer.alloc(65_536)));
          response.once('drain', pour);
        };
        pour();
        return true;
      },
    });
    publish('121.1');
    await expect(refresh(context)).rejects.toMatchObject({
      code: 'digest',
      message: expect.stringContaining('is larger than'),
    });
    expect(kernel.deeds).toEqual([]);
  });

  it('does not use a server whose certificate is not trusted', async () => {
    const { kernel, publish, store, context } = await enabled();
    publish('121.1');
    store.config.update({ 'ca-certs': OURS.pem });
    await expect(refresh(context)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/^livepatch check failed: POST request to "https:.*\/updates" failed$/),
    });
    expect(kernel.deeds).toEqual([]);
    expect(status(context)).toMatchObject({ checkState: 'check-failed' });
  });

  it('has nothing to verify with when no certificate is pinned, and downloads nothing', async () => {
    const { kernel, publish, server, store, context } = await enabled();
    publish('121.1');
    store.config.update({ 'signing-certs': '' });
    await expect(refresh(context)).rejects.toMatchObject({ code: 'trust-anchors' });
    expect(server.server.requests.filter(({ path }) => path.startsWith('/v1/patches/'))).toEqual([]);
    expect(kernel.deeds).toEqual([]);
  });

  it('remembers that the kernel refused, and tries again the next time', async () => {
    const { kernel, publish, context } = await enabled();
    publish('121.1');
    kernel.refuseNextInsert('Invalid module format');
    await expect(refresh(context)).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(status(context)).toMatchObject({ patchState: 'apply-failed' });
    expect(await refresh(context)).toMatchObject({ kind: 'applied' });
    expect(status(context)).toMatchObject({ patchState: 'applied', failure: undefined });
  });

  it('takes a patch out again whose transition stalls', async () => {
    const { kernel, publish, context } = await enabled();
    publish('121.1');
    kernel.stallNextTransition();
    await expect(refresh(context)).rejects.toMatchObject({ code: 'transition' });
    expect(kernel.deeds).toEqual([`insert ${FIRST}`, `disable ${FIRST}`, `remove ${FIRST}`]);
    expect(kernel.look([]).livePatches).toEqual([]);
  });
});
