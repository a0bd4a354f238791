import { describe, expect, it } from 'vitest';
import { findBug } from '../../src/kernel/bug.ts';

const MODULE = 'lkp_x_121';
const OOPS = [
  'BUG: kernel NULL pointer dereference, address: 0000000000000000',
  '#PF: supervisor write access in kernel mode',
  'Oops: 0002 [#1] PREEMPT SMP NOPTI',
  'RIP: 0010:patched_version_proc_show+0x5/0x10 [lkp_x_121]',
  'Call Trace:',
  ' seq_read_iter+0x120/0x480',
  'Modules linked in: lkp_x_121(OE) virtio_net',
  '---[ end trace 0000000000000000 ]---',
];

describe('a bug in the kernel log', () => {
  it('is found when its trace points at our module', () => {
    const lines = ['livepatch: enabling patch', ...OOPS, 'something else'];
    expect(findBug(lines, MODULE, [])).toEqual(OOPS);
  });

  it('is found when its trace points at a function that we replace', () => {
    const lines = [
      'WARNING: CPU: 0 PID: 1 at fs/x.c:1',
      ' version_proc_show+0x5/0x10',
      '---[ end trace 0 ]---',
    ];
    expect(findBug(lines, MODULE, ['version_proc_show'])).toEqual(lines);
  });

  it.each([
    ['nothing is wrong', ["livepatch: 'lkp_x_121': patching complete"]],
    [
      'the module is only listed',
      ['BUG: soft lockup', 'Modules linked in: lkp_x_121(OE)', 'RIP: 0010:other+0x1/0x2'],
    ],
    [
      'the bug is elsewhere',
      ['WARNING: CPU: 0', ' other_show+0x5/0x10', '---[ end trace 0 ]---', ...OOPS.slice(3, 4)],
    ],
    ['a function has a longer name', ['WARNING: CPU: 0', ' my_version_proc_showing+0x5/0x10']],
  ])('is not found when %s', (_when, lines) => {
    expect(findBug(lines, MODULE, ['version_proc_show'])).toBeUndefined();
  });
});
