import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeBlockers, findBlockers } from '../../src/kernel/blockers.ts';
import { printable } from '../../src/text.ts';
import { makeTree } from './tree.ts';

it('names tasks plainly, whatever their users call them', () => {
  const tree = makeTree();
  const names = [
    'cat\u001b[2J',
    'a\nb: x',
    'a\u0085b',
    'a\u2028b\u2029',
    '\u202egpj',
    'kworker/0:1',
    'naïve',
    '\ufeffx',
  ];
  for (const [index, name] of names.entries()) {
    const one = makeTree();
    one.task(index + 1, { state: 0, name });
    const text = describeBlockers(findBlockers(one.root, 1));
    // \p{C}: control, format, surrogate, private use and unassigned.
    expect(text).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  }
  tree.task(7, { state: 0, name: 'kworker/0:1' });
  expect(describeBlockers(findBlockers(tree.root, 1))).toBe('kworker/0:1, process 7');
});

it('makes any name plain, on one line and not for long', () => {
  // Every code point there is, halves of pairs among them.
  const unit = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 100 }), (name) => {
      expect(printable(name, 64)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      expect(printable(name, 64).length).toBeLessThanOrEqual(64);
    }),
  );
});

it('shows of a stack only names of functions', () => {
  const tree = makeTree();
  const stack = [
    '[<0>] do_sys_poll+0x4a0/0x5f0',
    '[<0>] tcp_sendmsg.isra.0+0x1c/0x40 [sleeper 0badc0de]',
    '[<ffffffff81234567>] vfs_read+0xab/0x2e0',
    '[<0>] \u001b[2Jevil+0x1/0x2',
    'no frame',
    '[<0>] a b+0x1/0x2',
    '[<ffffffffffffffff>] 0xffffffffffffffff',
  ].join('\n');
  tree.task(7, { state: 1, stack });
  expect(findBlockers(tree.root, 0)).toEqual([
    {
      pid: 7,
      name: 'cat',
      stack: ['do_sys_poll', 'tcp_sendmsg.isra.0', 'vfs_read'],
    },
  ]);
});
