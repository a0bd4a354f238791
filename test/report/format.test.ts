import { describe, expect, it } from 'vitest';
import { ago, goDuration, noticeOf, wholeSeconds } from '../../src/report/format.ts';

describe('goDuration', () => {
  it.each([
    [0, '0s'],
    [46, '46s'],
    [1094, '18m14s'],
    [7205, '2h0m5s'],
    [360_000, '100h0m0s'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(goDuration(seconds)).toBe(text);
  });
});

describe('ago', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  it.each([
    ['2026-11-22T12:00:00Z', 'just now'],
    ['2026-11-22T11:59:59Z', '1 second ago'],
    ['2026-11-22T11:06:00Z', '54 minutes ago'],
    ['2026-11-22T09:00:00Z', '3 hours ago'],
    ['2026-11-12T12:00:00Z', '10 days ago'],
    ['2026-11-22T12:01:00Z', '2026-11-22T12:01:00.000Z (ahead of this clock)'],
  ])('%s was %s', (time, text) => {
    expect(ago(new Date(time), now)).toBe(text);
  });
});

describe('noticeOf', () => {
  it.each([
    ['113.1', 'LSN-0113-1'],
    ['7.2', 'LSN-0007-2'],
    ['12345.1', 'LSN-12345-1'],
    ['113', undefined],
    ['113.1.2', undefined],
  ])('%s is told in %s', (version, notice) => {
    expect(noticeOf(version)).toBe(notice);
  });
});

describe('wholeSeconds', () => {
  it.each([
    ['2026-11-22T12:00:00.123Z', '2026-11-22T12:00:00Z'],
    ['2026-11-22T12:00:00+01:00', '2026-11-22T11:00:00Z'],
    [undefined, undefined],
  ])('%s is %s', (time, text) => {
    expect(wholeSeconds(time)).toBe(text);
  });
});
