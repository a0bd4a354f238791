import { describe, expect, it } from 'vitest';
import { BootPanic, bootAgainAfterPanic } from './vm.ts';

describe('a boot', () => {
  /** Boots, each in turn, of which one that is an error is thrown. */
  function boots(...ends: (string | Error)[]) {
    const said: string[] = [];
    const booted = bootAgainAfterPanic(
      async () => {
        const end = ends.shift();
        if (end instanceof Error) throw end;
        return end;
      },
      (line) => void said.push(line),
    );
    return { booted, said };
  }
  const panic = (what: string) => new BootPanic(`boot: panicked. ${what}`);

  it('that panics is repeated, and it is said', async () => {
    const { booted, said } = boots(panic('Oops: int3'), 'up');
    expect(await booted).toBe('up');
    expect(said).toEqual([expect.stringMatching(/booted again\. boot: panicked\. Oops: int3$/)]);
  });

  it('that panics twice is a failure', async () => {
    const { booted } = boots(panic('once'), panic('twice'), 'up');
    await expect(booted).rejects.toThrow('twice');
  });

  it('that fails otherwise is not repeated', async () => {
    const { booted, said } = boots(new Error('no such program'), 'up');
    await expect(booted).rejects.toThrow('no such program');
    expect(said).toEqual([]);
  });
});
