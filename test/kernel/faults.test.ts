import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAULT_FORMS } from '../../src/kernel/fault-forms.ts';
import { findFault, type Suspect } from '../../src/kernel/faults.ts';
import type { LogRecord } from '../../src/kernel/log.ts';
import { BUILD_ID, DUMP, FAULTS, MODULE, USER_NAMED } from './fault-logs.ts';

const PATCH: Suspect = {
  module: MODULE,
  // As the kernel shows the note: name, type and lengths before the identifier.
  buildId: `040000001400000003000000474e5500${BUILD_ID}`,
  functions: [
    { object: 'vmlinux', name: 'version_proc_show' },
    { object: 'ext4', name: 'ext4_find_extent' },
  ],
};
const OOPS = FAULTS['x86 6.1: null pointer'] as string[];
const [D, W] = [2 ** 7, 2 ** 9];

const say = (texts: readonly string[], changes: Partial<LogRecord> = {}): LogRecord[] =>
  texts.map((text) => ({ facility: 0, level: 4, seconds: 100, text, ...changes }));

/** A report of a page fault at this place. */
const at = (place: string) => [
  'Oops: 0002 [#1] PREEMPT SMP NOPTI',
  `RIP: 0010:${place}`,
  '---[ end trace 0 ]---',
];

describe('a fault', () => {
  it.each(Object.entries(FAULTS))('is found: %s', (_what, report) => {
    const trace = findFault(say(['livepatch: enabling patch', ...report, 'something else']), PATCH);
    expect(trace).toBeDefined();
    expect(report.join('\n')).toContain(trace?.filter((line) => line !== 'something else').join('\n'));
  });

  it.each(Object.entries(FAULTS))('is not ours when it points at another module: %s', (_what, report) => {
    const elsewhere = report.map((line) =>
      line.startsWith('Modules linked in:') ? line : line.replaceAll(`[${MODULE}`, '[other'),
    );
    expect(findFault(say(elsewhere), PATCH)).toBeUndefined();
  });

  it.each(FAULT_FORMS)('of each form has a log here: $source', ({ head }) => {
    const lines = Object.values(FAULTS).flat();
    expect(lines.some((line) => head.test(line))).toBe(true);
  });

  it('is told from its first record to its last', () => {
    expect(findFault(say(['before', ...OOPS, 'after']), PATCH)).toEqual(OOPS);
  });

  it('is found behind another that is not ours', () => {
    expect(findFault(say([...at('other+0x1/0x2'), ...OOPS]), PATCH)).toEqual(OOPS);
    const warning = 'WARNING: CPU: 0 PID: 7 at fs/x.c:1 other+0x1/0x2';
    expect(findFault(say([warning, 'RIP: 0010:other+0x1/0x2', ...OOPS]), PATCH)).toEqual(OOPS);
  });
});

describe('a culprit', () => {
  it.each([
    `version_proc_show+0x5/0x10`,
    `ext4_find_extent+0x5/0x10 [ext4]`,
    `ext4_find_extent+0x5/0x10 [ext4 ${'ab'.repeat(20)}]`,
    `anything+0x5/0x10 [${MODULE}]`,
    `anything+0x5/0x10 [${MODULE} ${BUILD_ID}]`,
    `tcp_sendmsg.isra.0+0x5/0x10 [${MODULE}]`,
  ])('is %s', (place) => {
    expect(findFault(say(at(place)), PATCH)).toBeDefined();
  });

  it.each([
    'inet_version_proc_show+0x5/0x10',
    'version_proc_show_more+0x5/0x10',
    'ext4_find_extent+0x5/0x10',
    'version_proc_show+0x5/0x10 [other]',
    `f+0x5/0x10 [${MODULE}2]`,
    `f+0x5/0x10 [my_${MODULE}]`,
    `f+0x5/0x10 [${MODULE} ${'ab'.repeat(20)}]`,
  ])('is not %s', (place) => {
    expect(findFault(say(at(place)), PATCH)).toBeUndefined();
  });

  it.each([
    'Modules linked in: lkp_x_121(OEK) virtio_net',
    'CPU: 0 PID: 7 Comm: f+0x1/0x2 [lkp_x_121]',
    ' ? patched_version_proc_show+0x5/0x10 [lkp_x_121]',
    '([<000003ff80004012>] patched_version_proc_show+0x12/0x40 [lkp_x_121])',
    'Code: version_proc_show+0x5/0x10',
    'x invoked oom-killer: version_proc_show+0x5/0x10',
  ])('is not named by "%s"', (line) => {
    const [head, , end] = at('') as [string, string, string];
    expect(findFault(say([head, 'RIP: 0010:other+0x1/0x2', line, end]), PATCH)).toBeUndefined();
  });

  it('may be any module of the name where no build id is known', () => {
    const place = `f+0x5/0x10 [${MODULE} ${BUILD_ID}]`;
    expect(findFault(say(at(place)), { ...PATCH, buildId: undefined })).toBeDefined();
  });
});

describe('what is no report of the kernel', () => {
  it('is whatever a process writes to the log', () => {
    for (const report of Object.values(FAULTS)) {
      expect(findFault(say(report, { facility: 1 }), PATCH)).toBeUndefined();
    }
  });

  it('is what has not the level of one', () => {
    for (const report of Object.values(FAULTS)) {
      expect(findFault(say(report, { level: 6 }), PATCH)).toBeUndefined();
    }
  });

  const heads = Object.values(FAULTS).flat();
  const names = [...new Set(['BUG: version_proc_show+0x', ...heads])];

  it.each(USER_NAMED.map(({ level, record }) => [record('NAME', 'FILE'), level, record] as const))(
    'is one of a task with any name: %s',
    (_what, level, record) => {
      for (const name of names) {
        // TASK_COMM_LEN, and a file's name as long as it likes.
        const text = record(name.slice(0, 15), name);
        expect(findFault([...say([text], { level }), ...say(DUMP)], PATCH), text).toBeUndefined();
      }
    },
  );

  it.each(FAULT_FORMS)('is one of a task whose name begins like one: $source', ({ head }) => {
    const name = fc.oneof(fc.stringMatching(head), fc.string({ unit: 'binary-ascii' }));
    fc.assert(
      fc.property(fc.constantFrom(...USER_NAMED), name, ({ level, record }, text) => {
        const said = record(text.slice(0, 15), text);
        expect(findFault([...say([said], { level }), ...say(DUMP)], PATCH)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('costs no more to tell than to read, however it was made', () => {
    const pieces = [
      'PREEMPT',
      'SMP',
      ' SMP',
      'a ',
      ' in ',
      '1:',
      ': 0000 [#1]',
      ' f+0x1/0x2',
      '(',
      ' ',
      'at ',
    ];
    for (const head of [
      'x: 0000 [#1]',
      'Oops: x: 0000 [#1] ',
      'Internal error: x: 0 [#1]',
      'UBSAN: x',
      'WARNING: ',
      'BUG: KASAN: ',
      '',
    ]) {
      for (const piece of pieces) {
        // The longest record, which is no report for its end.
        const text = `${head}${piece.repeat(1000)}`.slice(0, 1000);
        const began = performance.now();
        findFault(say([`${text}!`]), PATCH);
        expect(performance.now() - began, text.slice(0, 40)).toBeLessThan(2000);
      }
    }
  });

  it('is a stack that is shown long after a report', () => {
    const [head, , end] = at('') as [string, string, string];
    expect(findFault([...say([head]), ...say([...DUMP, end], { seconds: 106 })], PATCH)).toBeUndefined();
  });
});

describe('the mark that a fault leaves', () => {
  it.each([
    ['has come', { before: 0, now: D }, true],
    ['has not come', { before: 0, now: 0 }, false],
    ['is that of another kind', { before: 0, now: W }, false],
    ['was there before', { before: D, now: D }, true],
    ['cannot be read', { before: undefined, now: undefined }, true],
    ['cannot be read any more', { before: 0, now: undefined }, true],
  ])('decides: it %s', (_what, taint, believed) => {
    expect(findFault(say(OOPS), PATCH, taint) !== undefined).toBe(believed);
  });

  it('is not asked of a kind that leaves none', () => {
    expect(findFault(say(FAULTS['RCU stall'] as string[]), PATCH, { before: 0, now: 0 })).toBeDefined();
  });
});
