import { appendFileSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { events } from '../../src/store/audit.ts';
import { temporaryDirectory } from '../temporary.ts';

function books() {
  const directory = temporaryDirectory();
  const paths = {
    history: join(directory, 'data', 'history'),
    securityLog: join(directory, 'logs', 'security.log'),
  };
  return { ...paths, events: events(paths), security: () => readFileSync(paths.securityLog, 'utf8') };
}

it('tells the history the newest first, with the time of each', () => {
  const { events } = books();
  events.add({ what: 'applied', version: '121.1' });
  events.add({ what: 'applied', version: '122.1', replaced: ['121.1'] });
  expect(events.history()).toEqual([
    { at: expect.stringMatching(/^\d{4}-.*Z$/), what: 'applied', version: '122.1', replaced: ['121.1'] },
    { at: expect.any(String), what: 'applied', version: '121.1' },
  ]);
});

it('has one line for what every refresh finds again', () => {
  const { events } = books();
  const held = { what: 'held', version: '121.1', why: 'patch-delay', message: 'x' } as const;
  for (let hour = 0; hour < 3; hour += 1) events.add(held);
  events.add({ ...held, why: 'cutoff-date' });
  expect(events.history().map(({ why }) => why)).toEqual(['cutoff-date', 'patch-delay']);
});

it('puts into the security log what belongs there, one JSON line each, and nothing else', () => {
  const { events, security } = books();
  events.add({ what: 'held', version: '121.1' });
  events.add({ what: 'refused', version: '121.1', why: 'signature', message: 'nobody signed it' });
  events.add({ what: 'configured', keys: ['http-proxy'] });
  const lines = security()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toEqual([
    {
      at: expect.any(String),
      what: 'refused',
      version: '121.1',
      why: 'signature',
      message: 'nobody signed it',
    },
    { at: expect.any(String), what: 'configured', keys: ['http-proxy'] },
  ]);
});

it('passes over a line that a crash cut off', () => {
  const { events, history } = books();
  events.add({ what: 'enabled' });
  appendFileSync(history, '{"at":"2026-\n');
  events.add({ what: 'disabled' });
  expect(events.history().map(({ what }) => what)).toEqual(['disabled', 'enabled']);
});

it('keeps nobody from going on when it cannot be written', () => {
  const directory = temporaryDirectory();
  symlinkSync(join(directory, 'elsewhere'), join(directory, 'log'));
  const paths = { history: join(directory, 'log'), securityLog: join(directory, 'log') };
  events(paths).add({ what: 'enabled' });
  expect(existsSync(join(directory, 'elsewhere'))).toBe(false);
});
