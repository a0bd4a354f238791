import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { startScene } from '../operations/scene.ts';
import { startServer } from '../server/server.ts';
import type { Handler } from '../source/scene.ts';
import { startFaultySite } from './faulty.ts';

vi.setConfig({ testTimeout: 30_000 });

const FAULTS: [string, Handler][] = [
  ['500', (_, response) => void response.writeHead(500).end()],
  [
    'a refusal that repeats the token',
    (request, response) =>
      void response.writeHead(400).end(JSON.stringify({ error: `bad: ${request.headers.authorization}` })),
  ],
  ['nonsense', (request, response) => void response.end(String(request.headers.authorization))],
  ['a broken connection', (_, response) => void response.destroy()],
  [
    'half an answer',
    (_, response) =>
      void response.writeHead(200, { 'content-length': 99 }).write('{', () => response.destroy()),
  ],
  ['a redirect', (_, response) => void response.writeHead(307, { location: 'https://127.0.0.1:1/' }).end()],
  ['not HTTP', (request) => void request.socket.end('SSH-2.0\r\n')],
];

/** Everything that a person, a log or a debugger could get to see of a failure. */
function everythingOf(...things: unknown[]): string {
  return inspect(things, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null });
}

describe('a token is in nothing that is shown', () => {
  it.each(FAULTS)('when enable is answered by %s', async (_name, handler) => {
    const scene = await startScene({
      async intercept(request, response) {
        if (request.method !== 'POST') return false;
        await handler(request, response);
        return true;
      },
    });
    const error = await enable(scene.context, scene.authToken).catch((thrown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(/^failed to register client: /) });
    expect(everythingOf(error, scene.told)).not.toContain(scene.authToken.reveal());
    // That somebody was refused is in the history, without the token.
    const kept = readdirSync(scene.data, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !/^history/.test(name),
    );
    expect(kept).toEqual([]);
    expect(everythingOf(scene.store.events.history())).not.toContain(scene.authToken.reveal());
  });

  it.each(FAULTS)('when refresh is answered by %s', async (_name, handler) => {
    const site = await startFaultySite();
    site.misbehave(/\/updates$/, handler);
    // What failingRefresh looks at: the error, what was told, what was written.
    await site.failingRefresh();
  });

  it.each(FAULTS)('when a download is answered by %s', async (_name, handler) => {
    const site = await startFaultySite();
    site.misbehave(/^\/v1\/patches\//, handler);
    await site.failingRefresh();
  });

  it.each(FAULTS)('when disable is answered by %s', async (_name, handler) => {
    const site = await startFaultySite();
    site.misbehave(/^\/v1\/client\//, handler);
    const disabled = await disable(site.context, { unpatch: false });
    expect(disabled.serverNotTold).not.toBeUndefined();
    expect(everythingOf(disabled, site.told)).not.toContain(site.machineToken.reveal());
  });
});

describe('a token is sent', () => {
  it.each([
    ['a check-in', /\/updates$/],
    ['a download', /^\/v1\/patches\//],
  ])('to no other host that %s is redirected to, whatever the status', async (_what, path) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const site = await startFaultySite();
      const seen: unknown[] = [];
      const other = await startServer({
        database: site.server.database,
        files: site.server.files,
        tls: site.server.pki,
        intercept(request) {
          seen.push(request.headers.authorization, request.headers.cookie);
          return false;
        },
      });
      site.misbehave(path, (request, response) => {
        response.writeHead(status, { location: `${other.url}${request.url}`, 'set-cookie': 'a=b' }).end();
      });
      await expect(refresh(site.context)).rejects.toThrow();
      await other.close();
      expect(seen.filter((header) => header !== undefined)).toEqual([]);
    }
  });

  it('over http to the configured server alone', async () => {
    const site = await startFaultySite({ tls: false });
    const tokens: Record<string, unknown> = {};
    const other = await startServer({
      database: site.server.database,
      files: site.server.files,
      intercept(request, response) {
        tokens.other = request.headers.authorization;
        response.end(readFileSync(join(site.server.files, 'livepatch-6.1.0-56-amd64-121.1-amd64.tar.gz')));
        return true;
      },
    });
    site.misbehave(/^\/v1\/patches\//, (request, response) => {
      tokens.configured = request.headers.authorization;
      response.writeHead(302, { location: `${other.url}/file` }).end();
    });
    expect(await refresh(site.context)).toMatchObject({ kind: 'applied' });
    await other.close();
    expect(tokens).toEqual({ configured: `Bearer ${site.machineToken.reveal()}`, other: undefined });
  });
});
