import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { doctor } from '../../src/operations/doctor.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { CheckIn, PingRequest, RegisterRequest } from '../../src/source/server/messages.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { startScene } from './scene.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/secure-operation.md'), 'utf8');
const [, section = ''] = /^## What leaves the machine\n(.*?)^## /ms.exec(page) ?? [];
/** One thing that is told, without line breaks. */
const told = (pattern: RegExp) => (pattern.exec(section)?.[1] ?? '').replaceAll(/\s+/g, ' ');
const checkIn = told(/^- A \*\*check-in\*\*: (.*?)(?=^- )/ms);
const register = told(/then registers \((.*?)\)/s);
const ping = told(/^- \*\*Pings\*\* (.*?)(?=^- )/ms);
const always = told(/(Every body has .*?)\n\n/s);

/** Of every field that is sent, the words that own up to it. */
const WORDS: [string, { entries: object }, string, Record<string, string>][] = [
  [
    'a check-in',
    CheckIn,
    checkIn,
    {
      clientVersion: 'client version',
      machineId: 'machine id',
      architecture: 'architecture',
      cpuModel: 'CPU model',
      kernel: 'kernel version',
      bootTime: 'boot time',
      uptimeSeconds: 'uptime',
      patch: 'version and state of the applied patch',
      lastCheck: 'time of the check-in before',
      nonce: 'a random nonce',
      known: 'the tag of the advice that is known',
      cutoffDate: 'whether `cutoff-date`',
      patchDelay: '`patch-delay` are set',
    },
  ],
  [
    'a registration',
    RegisterRequest,
    register,
    { clientVersion: 'client version', architecture: 'architecture', kernel: 'kernel version' },
  ],
  [
    'a ping',
    PingRequest,
    ping,
    {
      architecture: 'the architecture',
      event: 'what happened',
      version: 'its version',
      kernel: 'the kernel version',
      tier: 'the tier',
      minutes: '0, 1, 5 or 15 minutes',
      transitionSeconds: 'the seconds that took',
      of: 'when one of these was due',
      code: 'named errors',
    },
  ],
];

it.each(WORDS)('the manual names every field of %s', (_what, { entries }, text, words) => {
  expect(Object.keys(words).concat('schema').sort()).toEqual(Object.keys(entries).sort());
  expect(always).toContain('`schema`');
  for (const word of Object.values(words)) expect(text).toContain(word);
});

it('nothing else is sent: neither a field, nor a header, nor a query', async () => {
  const requests: { what: string; headers: string[]; body: () => string }[] = [];
  const scene = await startScene({
    intercept(request) {
      requests.push({
        what: nameOf(request),
        headers: Object.keys(request.headers),
        body: overhear(request),
      });
      return false;
    },
  });
  scene.publish('121.1');
  const cves = { timestamp: '2026-11-20T08:00:00Z', kernelPackageFixes: ['CVE-2026-0002'] };
  scene.server.database.setKernelPackageFixes(MACHINE.kernel, MACHINE.architecture, cves);
  await enable(scene.context, scene.authToken);
  await refresh(scene.context);
  await doctor(scene.context);
  await disable(scene.context, { unpatch: false });

  const bare = ['accept-encoding', 'connection', 'host', 'user-agent'];
  const allowed: Record<string, { headers: string[]; fields: string[] }> = {
    'GET supported?kernel-version&architecture': { headers: [], fields: [] },
    'POST <id>': { headers: ['authorization'], fields: Object.keys(RegisterRequest.entries) },
    'POST updates': { headers: ['authorization'], fields: Object.keys(CheckIn.entries) },
    'GET <file>': { headers: ['authorization'], fields: [] },
    'POST pings': { headers: [], fields: Object.keys(PingRequest.entries) },
    'GET cves': { headers: ['authorization', 'if-none-match'], fields: [] },
    'DELETE <id>': { headers: ['authorization'], fields: [] },
  };
  expect(new Set(requests.map(({ what }) => what))).toEqual(new Set(Object.keys(allowed)));
  for (const { what, headers, body } of requests) {
    const { headers: more = [], fields = [] } = allowed[what] ?? {};
    const ofBody = fields.length > 0 ? ['content-length', 'content-type'] : [];
    expect(headers.filter((name) => ![...bare, ...more, ...ofBody].includes(name))).toEqual([]);
    const sent = Object.keys(JSON.parse(body() || '{}'));
    expect(sent.length > 0).toBe(fields.length > 0);
    expect(sent.filter((name) => !fields.includes(name))).toEqual([]);
  }
});

/** `POST updates`: what a request is for, without what differs from one to the next. */
function nameOf({ method, url = '' }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url, 'https://livepatch.test');
  const last = (pathname.split('/').at(-1) ?? '')
    .replace(/^[0-9a-f]{32}$/, '<id>')
    .replace(/.*\.tar\.gz$/, '<file>');
  const query = [...searchParams.keys()].join('&');
  return `${method} ${last}${query && `?${query}`}`;
}

/** Listens in on a body that the server is going to read. */
function overhear(request: IncomingMessage): () => string {
  const chunks: Buffer[] = [];
  const push = request.push.bind(request);
  request.push = (chunk) => {
    if (chunk !== null) chunks.push(chunk);
    return push(chunk);
  };
  return () => Buffer.concat(chunks).toString();
}
