import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../src/limits.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { pour } from '../source/faults/raw-server.ts';
import type { Handler } from '../source/scene.ts';
import { startFaultySite } from './faulty.ts';

vi.setConfig({ testTimeout: 30_000 });

/** What a refresh does beside its work: nothing waits for it for long, and nothing fails with it. */
const ASIDES: [name: string, path: RegExp, whispered: RegExp][] = [
  ['a ping', /^\/v1\/pings$/, /^ping 'before' of patch 121\.1 was not accepted: /],
  ['the question for CVE data', /\/cves$/, /^the CVE data could not be brought up to date: /],
];

/** None of these ends by itself. */
const SLOW: [name: string, handler: Handler][] = [
  ['silence', () => {}],
  [
    'a header that drips',
    ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      pour(socket, 'y', 20);
    },
  ],
  ['a body that drips', (_, response) => pour(response.writeHead(200), ' ', 20)],
  ['news of news to come', ({ socket }) => pour(socket, 'HTTP/1.1 102 Processing\r\n\r\n', 20)],
];

describe.each(ASIDES)('%s that is answered by', (_aside, path, whispered) => {
  it.each(SLOW)('%s holds a refresh no longer than its limit', async (_name, handler) => {
    const site = await startFaultySite();
    site.network.limits = { ...LIMITS.network, cvesTime: 400, pingTime: 400 };
    site.misbehave(path, handler);
    const began = performance.now();
    expect(await refresh(site.context)).toMatchObject({ kind: 'applied' });
    // As long as it was given, and what the refresh itself takes on a busy machine.
    expect(performance.now() - began).toBeGreaterThan(400);
    expect(performance.now() - began).toBeLessThan(400 + 2500);
    expect(site.whispered).toContainEqual(expect.stringMatching(whispered));
  });
});

it('pings that are taken one slower than the other hold a refresh no longer than all of them may', async () => {
  const site = await startFaultySite();
  let taken = 0;
  site.misbehave(/^\/v1\/pings$/, async (_, response) => {
    await setTimeout(1000);
    taken += 1;
    response.writeHead(204).end();
  });
  const { bootId, kernel } = site.context.kernel.machine();
  const due = new Date(0).toISOString();
  const owed = Array.from({ length: LIMITS.operations.owedPings }, () => ({
    event: 'after' as const,
    version: '120.1',
    kernel,
    due,
    bootId,
  }));
  site.store.pings.write(owed);
  const began = performance.now();
  expect(await refresh(site.context)).toMatchObject({ kind: 'applied' });
  expect(performance.now() - began).toBeLessThan(LIMITS.network.pingsTime + LIMITS.network.pingTime + 2500);
  expect(taken).toBeGreaterThan(1);
  expect(site.whispered).toContainEqual(expect.stringMatching(/ was not accepted: there was no time left$/));
});
