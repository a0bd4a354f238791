import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { Secret } from '../../src/secret.ts';
import { catalogue } from '../../src/source/catalogue/catalogue.ts';
import type { Config } from '../../src/types.ts';
import { indexOf, makeCatalogue, publishPatches } from '../catalogue/make.ts';
import { staticHost } from '../catalogue/static-host.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { startScene } from './scene.ts';

/** A machine that takes its patches from a catalogue over plain http. */
async function catalogueScene() {
  const scene = await startScene();
  const made = makeCatalogue();
  publishPatches(made, indexOf([], { kernel: MACHINE.kernel }));
  const { url } = await staticHost(made.files);
  scene.store.config.update({ 'remote-server': url.href, 'catalogue-root': made.root.toString() });
  const warnings: string[] = [];
  const context = {
    ...scene.context,
    connect: async (config: Config) => catalogue(config, { clientVersion: '1.0', root: made.root }),
    warn: (text: string) => void warnings.push(text),
  };
  return { context, url, warnings };
}

describe('enable with a catalogue', () => {
  it('needs no token, and nothing to warn of', async () => {
    const { context, warnings } = await catalogueScene();
    const { first } = await enable(context, undefined);
    expect(first).toMatchObject({ kind: 'kept' });
    expect(warnings).toEqual([]);
  });

  it('warns of a token that anybody on the way can read', async () => {
    const { context, url, warnings } = await catalogueScene();
    await enable(context, new Secret('a-token-of-the-host'));
    expect(warnings).toEqual([`${url.origin} is not https: anybody on the network path can take the token`]);
  });
});

describe('enable', () => {
  it('registers, keeps the machine token 0600, and applies what is due', async () => {
    const { authToken, common, kernel, publish, context } = await startScene();
    publish('121.1');
    const { first, machineToken } = await enable(context, authToken);
    expect(first).toMatchObject({ kind: 'applied', patches: [{ version: '121.1' }] });
    expect(kernel.deeds).toEqual(['insert lkp_Debian_6_1_0_56_amd64_121']);
    expect(readFileSync(join(common, 'machine-token'), 'utf8')).toBe(`${machineToken.reveal()}\n`);
    expect(statSync(join(common, 'machine-token')).mode & 0o777).toBe(0o600);
  });

  it('stays enabled when the first refresh fails, and says why', async () => {
    const { authToken, kernel, publish, store, context } = await startScene();
    publish('121.1', { kernel: '6.1.0-1-amd64' });
    const { first } = await enable(context, authToken);
    expect(first).toMatchObject({
      code: 'kernel-mismatch',
    });
    expect(store.token.exists()).toBe(true);
    expect(kernel.deeds).toEqual([]);
  });

  it('refuses to enable twice, and keeps the token it has', async () => {
    const { authToken, store, context } = await startScene();
    await enable(context, authToken);
    const before = store.token.read()?.reveal();
    await expect(enable(context, authToken)).rejects.toMatchObject({
      code: 'already-enabled',
      message: "Machine-token already exists! Please use 'disable' to delete existing machine-token.",
    });
    expect(store.token.read()?.reveal()).toBe(before);
  });

  it.each([
    [/supported/, { Supported: 1 }, 'Supported is not as agreed'],
    [/^\/v1\/client\//, { schema: 2, machineToken: ['0'.repeat(32)] }, 'machineToken is not as agreed'],
    [/^\/v1\/client\//, { machineToken: '0'.repeat(32) }, 'schema is not as agreed'],
  ])('names the field when an answer to %s is not as agreed: %j', async (path, body, reason) => {
    const scene = await startScene({
      intercept(request, response) {
        if (!path.test(request.url ?? '')) return false;
        response.end(JSON.stringify(body));
        return true;
      },
    });
    const error = await enable(scene.context, scene.authToken).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'bad-answer', message: expect.stringContaining(`: ${reason}`) });
    expect(scene.store.token.exists()).toBe(false);
  });

  it.each([
    {
      what: 'a token that the server does not know',
      spoil: () => {},
      token: 'no-such-token',
      error: { code: 'server-refused', message: 'failed to register client: Unknown Auth-Token' },
    },
    {
      what: 'a kernel that the server does not cover',
      spoil: ({ server }: Awaited<ReturnType<typeof startScene>>) =>
        server.database.setKernel(MACHINE.kernel, 'amd64', { support: 'unsupported' }),
      error: { code: 'unsupported-kernel', message: expect.stringContaining('unsupported kernel') },
    },
    {
      what: 'a kernel without live patching',
      spoil: ({ kernel }: Awaited<ReturnType<typeof startScene>>) => {
        const { look } = kernel;
        kernel.look = (names) => ({ ...look(names), livePatches: undefined });
      },
      error: { code: 'unsupported-kernel', message: expect.stringContaining('unsupported kernel') },
    },
    {
      what: 'a server that is not there',
      spoil: ({ server }: Awaited<ReturnType<typeof startScene>>) => server.server.close(),
      error: { code: 'network', message: expect.stringMatching(/^failed to register client: .* failed$/) },
    },
    {
      what: 'a server with a certificate that nobody here trusts',
      spoil: ({ store }: Awaited<ReturnType<typeof startScene>>) => store.config.update({ 'ca-certs': '' }),
      error: { code: 'network', hint: expect.stringContaining('ca-certs') },
    },
  ])('leaves nothing behind after $what', async ({ error, spoil, token }) => {
    const scene = await startScene();
    scene.publish('121.1');
    await spoil(scene);
    await expect(enable(scene.context, token ? new Secret(token) : scene.authToken)).rejects.toMatchObject(
      error,
    );
    expect(existsSync(join(scene.common, 'machine-token'))).toBe(false);
    // That it was denied is history.
    expect(readdirSync(scene.data).filter((name) => name !== 'history')).toEqual([]);
    expect(readdirSync(join(scene.common, 'patches'))).toEqual([]);
    expect(scene.kernel.deeds).toEqual([]);
  });
});
