import { beforeEach, describe, expect, it, vi } from 'vitest';
import { hintFor, json, REFUSED, UNUSABLE } from './answers.ts';
import { type FaultySite, startFaultySite } from './faulty.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let site: FaultySite;
beforeEach(async () => {
  site = await startFaultySite();
});

const UPDATES = /\/updates$/;

describe('a check-in that is answered by', () => {
  const request = () =>
    `POST request to "${site.server.url}/v1/client/${'0123456789abcdef'.repeat(2)}/updates"`;

  it.each(REFUSED)('%s', async (_name, handler, reason) => {
    site.misbehave(UPDATES, handler);
    const error = await site.failingRun();
    expect(error.message).toBe(`${request()} failed: ${reason}`);
    expect(error).toMatchObject({
      code: 'server-refused',
      exitStatus: 76,
      hint: hintFor(reason),
    });
    await site.goodRun();
  });

  it.each(UNUSABLE)('%s', async (_name, handler, reason) => {
    site.misbehave(UPDATES, handler);
    const error = await site.failingRun();
    expect(error.message).toBe(`${request()} got an unusable answer: ${reason}`);
    expect(error).toMatchObject({ code: 'bad-answer', exitStatus: 76 });
    await site.goodRun();
  });

  it.each([
    ['a refusal in words', 400, { error: 'kernel: not a kernel version' }, 'kernel: not a kernel version'],
    ['a refusal that is no ASCII', 400, { error: 'köçek' }, 'köçek'],
    ['the end of its registration', 403, { error: 'Invalid Machine Token' }, 'Invalid Machine Token'],
    ['a refusal that goes on and on', 400, { error: 'x'.repeat(1024) }, `${'x'.repeat(199)}…`],
  ])('%s', async (_name, status, body, said) => {
    site.misbehave(UPDATES, json(body, status));
    const error = await site.failingRun();
    expect(error.message).toBe(`${said}`);
    expect(error).toMatchObject({ code: 'server-refused', exitStatus: 76 });
    await site.goodRun();
  });
});
