import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configure } from '../../src/operations/configure.ts';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { renderHistory } from '../../src/report/history.ts';
import { Secret } from '../../src/secret.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { type Scene, startScene } from './scene.ts';

/** The history without its times, the oldest first. */
const history = ({ store }: Scene) =>
  renderHistory(store.events.history())
    .split('\n')
    .reverse()
    .map((line) => line.slice('2026-11-22T12:00:00Z  '.length));

const securityLog = ({ common }: Scene) => readFileSync(join(common, 'logs', 'security.log'), 'utf8');

describe('the history', () => {
  it('is the whole life of a machine', async () => {
    const scene = await startScene();
    scene.publish('121.1');
    await enable(scene.context, scene.authToken);
    scene.publish('122.1');
    await refresh(scene.context);
    await revert(scene.context);
    await refresh(scene.context);
    await refresh(scene.context);
    scene.publish('123.1', { signer: makeSigner() });
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'signature' });
    await disable(scene.context, { unpatch: false });

    expect(history(scene)).toEqual([
      'enabled: this machine was registered with the server',
      'applied: patch 121.1',
      'applied: patch 122.1, in place of 121.1',
      'reverted: patch 122.1 was taken out of the kernel',
      'held back: patch 122.1 was taken out of the kernel by an administrator',
      expect.stringMatching(/^refused: patch 123\.1: /),
      'disabled: the machine token was removed',
    ]);
    const security = securityLog(scene)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).what);
    expect(security).toEqual(['enabled', 'reverted', 'refused', 'disabled']);
  });

  it('is a token that the server does not know, and never the token', async () => {
    const scene = await startScene();
    const token = 'a-token-nobody-knows-0123456789';
    await expect(enable(scene.context, new Secret(token))).rejects.toMatchObject({ code: 'server-refused' });
    expect(history(scene)).toEqual([
      'denied: the server refuses this machine: failed to register client: Unknown Auth-Token',
    ]);
    expect(securityLog(scene)).not.toContain(token);
  });

  it('is the end of a registration', async () => {
    const scene = await startScene();
    await enable(scene.context, scene.authToken);
    scene.server.database.removeMachine(MACHINE.id);
    await expect(refresh(scene.context)).rejects.toThrow('Invalid Machine Token');
    expect(history(scene).at(-1)).toBe(
      'denied: the server refuses this machine: livepatch check failed: Invalid Machine Token',
    );
    expect(securityLog(scene)).toContain('"what":"denied"');
  });

  it.each([
    ['a server that is ill', 500, '{"error":"no space left"}'],
    ['a server that is busy', 429, '{"error":"come back later"}'],
    ['a report that the server cannot take', 400, '{"error":"kernel: not a kernel version"}'],
    ['a page of something in between', 403, '<html>Access denied'],
  ])('is no denial when it is %s', async (_what, status, body) => {
    let ill = false;
    const scene = await startScene({
      intercept(_request, response) {
        if (ill) response.writeHead(status).end(body);
        return ill;
      },
    });
    ill = true;
    await expect(enable(scene.context, scene.authToken)).rejects.toMatchObject({ code: 'server-refused' });
    ill = false;
    await enable(scene.context, scene.authToken);
    ill = true;
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'server-refused' });
    expect(history(scene)).toEqual(['enabled: this machine was registered with the server']);
    expect(securityLog(scene)).not.toContain('denied');
  });

  it('is the name of a setting, and never its value', async () => {
    const scene = await startScene();
    await configure(scene.context, { 'http-proxy': 'http://user:pass-word@proxy.example' });
    expect(JSON.parse(securityLog(scene))).toMatchObject({ what: 'configured', keys: ['http-proxy'] });
    expect(securityLog(scene) + scene.store.events.history()).not.toContain('pass-word');
  });
});
