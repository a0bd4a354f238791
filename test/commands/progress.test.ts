import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isJournal, openReporter, PRIORITY, type ReporterOptions } from '../../src/commands/progress.ts';
import type { LogLevel } from '../../src/types.ts';
import { temporaryDirectory } from '../temporary.ts';

/** A reporter, what it wrote, and a clock that is set by hand. */
function heard(options: Partial<ReporterOptions> & { logLevel?: LogLevel } = {}) {
  const written: string[] = [];
  const time = { now: 0 };
  const reporter = openReporter({
    write: (text) => written.push(text),
    columns: undefined,
    journal: false,
    says: (level) => PRIORITY[level] <= PRIORITY[options.logLevel ?? 'info'],
    clock: () => time.now,
    ...options,
  });
  return { reporter, time, text: () => written.join('') };
}

/** What stands on a terminal after these bytes: a carriage return and an erase begin the line anew. */
const onScreen = (text: string) => text.split('\n').map((line) => line.split('\r\x1b[K').at(-1));

describe('into a pipe', () => {
  it('is one line a step, and nothing that moves', () => {
    const { reporter, text } = heard();
    reporter.step('downloading patch 121.1');
    reporter.transferred(50, 100);
    reporter.step('verifying patch 121.1');
    reporter.end();
    expect(text()).toBe('downloading patch 121.1\nverifying patch 121.1\n');
  });
});

describe('on a terminal', () => {
  it('shows each step as it happens, with a bar while downloading, and how long it took', () => {
    const { reporter, time, text } = heard({ columns: 80 });
    reporter.step('downloading patch 121.1');
    expect(onScreen(text())).toEqual(['downloading patch 121.1']);
    reporter.transferred(50, 100);
    expect(onScreen(text())).toEqual(['downloading patch 121.1 [##########..........] 50 %']);
    time.now = 4200;
    reporter.step('waiting for the transition');
    time.now = 7300;
    reporter.end();
    expect(onScreen(text())).toEqual([
      'downloading patch 121.1 (4 s)',
      'waiting for the transition (3 s)',
      '',
    ]);
  });

  it('has numbers in place of the bar where there is no room, and never fills a line', () => {
    const { reporter, text } = heard({ columns: 30 });
    reporter.step('downloading patch 121.1');
    reporter.transferred(50, 100);
    expect(onScreen(text())).toEqual(['downloading patch 121.1 50 %']);
    reporter.step('waiting for the transition to lkp_Debian_6_1_0_56_amd64_121');
    expect(onScreen(text()).at(-1)).toHaveLength(29);
    reporter.end();
    expect(onScreen(text()).at(-2)).toBe('waiting for the transition to lkp_Debian_6_1_0_56_amd64_121');
  });

  it('draws only when something changed', () => {
    const { reporter, text } = heard({ columns: 80 });
    reporter.step('downloading');
    reporter.transferred(50_000, 1_000_000);
    const before = text();
    reporter.transferred(50_001, 1_000_000);
    expect(text()).toBe(before);
  });

  it('ends the line before it says something else', () => {
    const { reporter, text } = heard({ columns: 80 });
    reporter.step('telling the server');
    reporter.log('warning', 'warning: nobody answers');
    expect(onScreen(text())).toEqual(['telling the server', 'warning: nobody answers', '']);
  });
});

describe('into the journal', () => {
  it('gives every line its priority', () => {
    const { reporter, text } = heard({ journal: true, logLevel: 'debug' });
    reporter.step('checking in');
    reporter.log('notice', 'applied: patch 121.1');
    reporter.log('warning', 'warning: x');
    reporter.log('error', 'what happened\nwhat to do');
    expect(text()).toBe(
      '<6>checking in\n<5>applied: patch 121.1\n<4>warning: x\n<3>what happened\n<3>what to do\n',
    );
  });

  it('is silent when all is well, unless the log-level asks for more', () => {
    const silent = heard({ journal: true, logLevel: 'warning' });
    silent.reporter.step('checking in');
    silent.reporter.log('notice', 'applied: patch 121.1');
    expect(silent.text()).toBe('');
    const noticed = heard({ journal: true, logLevel: 'notice' });
    noticed.reporter.log('notice', 'applied: patch 121.1');
    expect(noticed.text()).toBe('<5>applied: patch 121.1\n');
  });

  it('is known by the device and inode that systemd names, not by the variable alone', () => {
    const fd = openSync(join(temporaryDirectory(), 'stderr'), 'w');
    const { dev, ino } = fstatSync(fd);
    expect(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(true);
    expect(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}1` })).toBe(false);
    expect(isJournal(fd, {})).toBe(false);
    closeSync(fd);
    expect(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(false);
  });
});
