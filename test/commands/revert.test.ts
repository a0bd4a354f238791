import { expect, it, vi } from 'vitest';
import { runDirectly } from '../../src/commands/direct.ts';
import { Revert } from '../../src/commands/revert.ts';
import { revert } from '../../src/operations/revert.ts';

vi.mock('../../src/operations/revert.ts', () => ({ revert: vi.fn() }));
vi.mock('../../src/context.ts', async (original) => ({
  ...(await original<typeof import('../../src/context.ts')>()),
  realContext: () => ({}),
}));

type Reverted = Awaited<ReturnType<typeof revert>>;
const nothing: Reverted = { kind: 'reverted', patches: [], notOurs: [], unloaded: [], stillLoaded: [] };
const patch = (version: string) => ({ version }) as Reverted['patches'][number];

it.each<[string, Partial<Reverted>, string]>([
  ['our patches', { patches: [patch('2.1'), patch('1.1')] }, 'reverted: patch 2.1, patch 1.1'],
  [
    "others' beside ours",
    { patches: [patch('2.1')], notOurs: ['kpatch_x'] },
    'reverted: patch 2.1, kpatch_x (not ours)',
  ],
  ['what was out of use', { unloaded: ['lkp_a', 'lkp_b'] }, 'unloaded what was out of use: lkp_a, lkp_b'],
  [
    'nothing, because a module stays loaded',
    { stillLoaded: ['lkp_a'] },
    'nothing to revert: no live patch of ours is in use',
  ],
])('says what it took out: %s', async (_what, result, line) => {
  vi.mocked(revert).mockResolvedValue({ ...nothing, ...result });
  const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await runDirectly(Revert, 'revert', [], '0.0.0');
    expect(stdout.mock.calls.map(([text]) => text).join('')).toBe(`${line}\n`);
  } finally {
    stdout.mockRestore();
  }
});
