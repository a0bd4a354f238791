import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/types.ts';
import { isJournal, openVoice, PRIORITY, type VoiceOptions } from '../../src/commands/progress.ts';
import { temporaryDirectory } from '../temporary.ts';

/** A voice, what it wrote, and a clock that is set by hand. */
function heard(options: Partial<VoiceOptions> & { logLevel?: LogLevel } = {}) {
  const written: string[] = [];
  const time = { now: 0 };
  const voice = openVoice({
    write: (text) => written.push(text),
    columns: undefined,
    journal: false,
    says: (level) => PRIORITY[level] <= PRIORITY[options.logLevel ?? 'info'],
    clock: () => time.now,
    ...options,
  });
  return { voice, time, text: () => written.join('') };
}

/** What stands on a terminal after these bytes: a carriage return and an erase begin the line anew. */
const onScreen = (text: string) => text.split('\n').map((line) => line.split('\r\x1b[K').at(-1));

describe('into a pipe', () => {
  it('is one line a step, and nothing that moves', () => {
    const { voice, text } = heard();
    voice.step('downloading patch 121.1');
    voice.transferred(50, 100);
    voice.step('verifying patch 121.1');
    voice.end();
    expect(text()).toBe('downloading patch 121.1\nverifying patch 121.1\n');
  });
});

describe('on a terminal', () => {
  it('shows each step as it happens, with a bar while downloading, and how long it took', () => {
    const { voice, time, text } = heard({ columns: 80 });
    voice.step('downloading patch 121.1');
    expect(onScreen(text())).toEqual(['downloading patch 121.1']);
    voice.transferred(50, 100);
    expect(onScreen(text())).toEqual(['downloading patch 121.1 [##########..........] 50 %']);
    time.now = 4200;
    voice.step('waiting for the transition');
    time.now = 7300;
    voice.end();
    expect(onScreen(text())).toEqual([
      'downloading patch 121.1 (4 s)',
      'waiting for the transition (3 s)',
      '',
    ]);
  });

  it('has numbers in place of the bar where there is no room, and never fills a line', () => {
    const { voice, text } = heard({ columns: 30 });
    voice.step('downloading patch 121.1');
    voice.transferred(50, 100);
    expect(onScreen(text())).toEqual(['downloading patch 121.1 50 %']);
    voice.step('waiting for the transition to lkp_Debian_6_1_0_56_amd64_121');
    expect(onScreen(text()).at(-1)).toHaveLength(29);
    voice.end();
    expect(onScreen(text()).at(-2)).toBe('waiting for the transition to lkp_Debian_6_1_0_56_amd64_121');
  });

  it('draws only when something changed', () => {
    const { voice, text } = heard({ columns: 80 });
    voice.step('downloading');
    voice.transferred(50_000, 1_000_000);
    const before = text();
    voice.transferred(50_001, 1_000_000);
    expect(text()).toBe(before);
  });

  it('ends the line before it says something else', () => {
    const { voice, text } = heard({ columns: 80 });
    voice.step('telling the server');
    voice.log('warning', 'warning: nobody answers');
    expect(onScreen(text())).toEqual(['telling the server', 'warning: nobody answers', '']);
  });
});

describe('into the journal', () => {
  it('gives every line its priority', () => {
    const { voice, text } = heard({ journal: true, logLevel: 'debug' });
    voice.step('checking in');
    voice.log('notice', 'applied: patch 121.1');
    voice.log('warning', 'warning: x');
    voice.log('error', 'what happened\nwhat to do');
    expect(text()).toBe(
      '<6>checking in\n<5>applied: patch 121.1\n<4>warning: x\n<3>what happened\n<3>what to do\n',
    );
  });

  it('is silent when all is well, unless the log-level asks for more', () => {
    const silent = heard({ journal: true, logLevel: 'warning' });
    silent.voice.step('checking in');
    silent.voice.log('notice', 'applied: patch 121.1');
    expect(silent.text()).toBe('');
    const noticed = heard({ journal: true, logLevel: 'notice' });
    noticed.voice.log('notice', 'applied: patch 121.1');
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
