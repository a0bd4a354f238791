import { expect, it } from 'vitest';
import { renderHistory } from '../../src/report/history.ts';
import type { LivepatchEvent } from '../../src/types.ts';

const told = (event: LivepatchEvent) => renderHistory([{ at: '2026-11-22T11:00:00.123Z', ...event }]);

it.each<[LivepatchEvent, string]>([
  [{ what: 'applied', version: '2.1' }, 'applied: patch 2.1'],
  // Stacked on another one, it takes nobody's place.
  [{ what: 'applied', version: '2.1', replaced: [] }, 'applied: patch 2.1'],
  [{ what: 'applied', version: '3.1', replaced: ['1.1', '2.1'] }, 'applied: patch 3.1, in place of 1.1, 2.1'],
  [{ what: 'reverted', version: '2.1' }, 'reverted: patch 2.1 was taken out of the kernel'],
  [
    { what: 'held', version: '2.1', message: 'patch 2.1 was withdrawn' },
    'held back: patch 2.1 was withdrawn',
  ],
  [{ what: 'failed', version: '2.1', message: 'a\nb\x1b[2J' }, 'failed: patch 2.1: a\\u{a}b\\u{1b}[2J'],
  [
    { what: 'expired', why: 'expired', message: 'the catalogue has not been renewed since 2026-11-10' },
    'not up to date: the catalogue has not been renewed since 2026-11-10',
  ],
])('%j', (event, line) => {
  expect(told(event)).toBe(`2026-11-22T11:00:00Z  ${line}`);
});

it('is one line an event', () => {
  expect(
    renderHistory([
      { at: '2026-11-22T11:00:00Z', what: 'enabled' },
      { at: '2026-11-22T10:00:00Z', what: 'configured' },
    ]),
  ).toBe(
    '2026-11-22T11:00:00Z  enabled: this machine was registered with the server\n2026-11-22T10:00:00Z  configured: settings were changed',
  );
});
