import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ADVICE, advice, answer, json, REFUSED, UNUSABLE } from './answers.ts';
import { type FaultySite, startFaultySite } from './faulty.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let site: FaultySite;
beforeEach(async () => {
  site = await startFaultySite();
});

const UPDATES = /\/updates$/;

describe('a check-in that is answered by', () => {
  const request = () =>
    `POST request to "${site.server.server.url}/v1/client/${'0123456789abcdef'.repeat(2)}/updates"`;

  it.each(REFUSED)('%s', async (_name, handler, reason) => {
    site.misbehave(UPDATES, handler);
    const error = await site.failingRefresh();
    expect(error.message).toBe(`livepatch check failed: ${request()} failed: ${reason}`);
    expect(error).toMatchObject({
      code: 'server-refused',
      exitStatus: 76,
      hint: 'See the log of the server.',
    });
    await site.goodRefresh();
  });

  it.each(UNUSABLE)('%s', async (_name, handler, reason) => {
    site.misbehave(UPDATES, handler);
    const error = await site.failingRefresh();
    expect(error.message).toBe(`livepatch check failed: ${request()} got an unusable answer: ${reason}`);
    expect(error).toMatchObject({ code: 'bad-answer', exitStatus: 76 });
    await site.goodRefresh();
  });

  it.each([
    ['a refusal in words', 400, { error: 'kernel: not a kernel version' }, 'kernel: not a kernel version'],
    ['a refusal that is no ASCII', 400, { error: 'köçek \u202e' }, 'k??ek ?'],
    ['the end of its registration', 403, { error: 'Invalid Machine Token' }, 'Invalid Machine Token'],
    ['a refusal that goes on and on', 400, { error: 'x'.repeat(1024) }, 'x'.repeat(200)],
  ])('%s', async (_name, status, body, said) => {
    site.misbehave(UPDATES, json(body, status));
    const error = await site.failingRefresh();
    expect(error.message).toBe(`livepatch check failed: ${said}`);
    expect(error).toMatchObject({ code: 'server-refused', exitStatus: 76 });
    await site.goodRefresh();
  });

  it.each([
    ['the last answer once more', () => advice({ serial: 1 }), 1],
    ['an answer from before', () => advice({ serial: 0 }), 0],
    [
      'a 204 from before',
      () => answer(204, '', { 'livepatch-serial': '0', 'livepatch-issued-at': ADVICE.issuedAt }),
      0,
    ],
  ])('%s: a replay', async (_name, handler, serial) => {
    expect(site.store.state.read().lastGoodCheck?.serial).toBe(1);
    site.misbehave(UPDATES, handler());
    const error = await site.failingRefresh();
    expect(error.message).toBe(
      `livepatch check failed: the server's answer number ${serial} is not newer than number 1, the last one`,
    );
    expect(error).toMatchObject({ code: 'bad-answer', exitStatus: 76 });
    expect(site.store.state.read().lastGoodCheck?.serial).toBe(1);
    await site.goodRefresh();
  });

  it('"as before" although there is no before', async () => {
    const { advice: _, ...state } = site.store.state.read();
    site.store.state.write(state);
    site.misbehave(
      UPDATES,
      answer(204, '', { 'livepatch-serial': '7', 'livepatch-issued-at': ADVICE.issuedAt }),
    );
    expect((await site.failingRefresh()).message).toBe(
      'livepatch check failed: the server says that nothing is new, but never said anything before',
    );
  });

  it.each([
    ['2026-11-22T12:00:00Z', '2026-11-22T14:00:00Z', "120 minutes ahead of ours: check this machine's clock"],
    ['2026-11-22T12:00:00Z', '2026-11-22T09:00:00Z', "180 minutes behind ours: check this machine's clock"],
  ])('a time that is far from ours, which is said and no reason to refuse', async (ours, theirs, said) => {
    site.context.now = () => new Date(ours);
    site.misbehave(UPDATES, advice({ issuedAt: theirs }));
    const { refresh } = await import('../../src/operations/refresh.ts');
    expect(await refresh(site.context)).toEqual({ action: 'keep', why: 'nothing-offered' });
    expect(site.told).toContain(`warning: the server's clock is ${said}`);
  });
});
