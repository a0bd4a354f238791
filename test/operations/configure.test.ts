import { describe, expect, it } from 'vitest';
import { configure } from '../../src/operations/configure.ts';
import { enable } from '../../src/operations/enable.ts';
import { startScene } from './scene.ts';

const NOWHERE = 'https://127.0.0.1:1';

describe('changing remote-server', () => {
  it('asks the new server at once when the machine is enabled, and changes nothing when it does not answer', async () => {
    const { authToken, store, context } = await startScene();
    await enable(context, authToken);
    const before = store.config.texts();
    await expect(
      configure(context, { 'dial-timeout': '20s', 'remote-server': NOWHERE }),
    ).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/^config update aborted: remote-server: GET request to /),
    });
    expect(store.config.texts()).toEqual(before);
  });

  it('takes the CA from the same call', async () => {
    const { authToken, server, store, context } = await startScene();
    await enable(context, authToken);
    const { caPem } = server.pki;
    store.config.update({ 'ca-certs': '' });
    const address = { 'remote-server': server.server.url };
    await expect(configure(context, address)).rejects.toMatchObject({ code: 'network' });
    await configure(context, { ...address, 'ca-certs': caPem });
    expect(store.config.texts()['ca-certs']).toBe(caPem);
  });

  it('asks nobody when the machine is not enabled, or the kill switch says so', async () => {
    const { authToken, kernel, store, context } = await startScene();
    const back = store.config.texts()['remote-server'];
    await configure(context, { 'remote-server': NOWHERE });
    expect(store.config.texts()['remote-server']).toBe(NOWHERE);
    await configure(context, { 'remote-server': back });
    await enable(context, authToken);
    kernel.setMode({ contact: false, apply: false, sources: ['x'] });
    await configure(context, { 'remote-server': NOWHERE });
    expect(store.config.texts()['remote-server']).toBe(NOWHERE);
  });
});
