import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { payloads } from '../../src/store/payloads.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

/** SHA-256 of nothing. */
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

async function* pieces(...bytes: (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const piece of bytes) {
    if (piece instanceof Error) throw piece;
    yield piece;
  }
}

describe('a payload', () => {
  it('is taken in, 0600, under its digest', async () => {
    const directory = join(temporaryDirectory(), 'patches');
    await payloads(directory).receive('abc', pieces(Buffer.from('a'), Buffer.from('b')));
    expect(readdirSync(directory)).toEqual(['abc']);
    expect(readFileSync(join(directory, 'abc'), 'utf8')).toBe('ab');
    expect(statSync(join(directory, 'abc')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['before its first byte', [new Error('broken')]],
    ['half way', [Buffer.from('a'), new Error('broken')]],
  ])('that breaks off %s leaves nothing', async (_when, bytes) => {
    const directory = join(temporaryDirectory(), 'patches');
    await expect(payloads(directory).receive('abc', pieces(...bytes))).rejects.toThrow('broken');
    expect(readdirSync(directory)).toEqual([]);
  });

  it('takes the place of one that an earlier run was killed over', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'abc.partial'), 'old and longer');
    await payloads(directory).receive('abc', pieces(Buffer.from('new')));
    expect(readdirSync(directory)).toEqual(['abc']);
    expect(readFileSync(join(directory, 'abc'), 'utf8')).toBe('new');
  });

  it.skipIf(process.getuid?.() !== 0)('that the disk has no space for leaves nothing', async () => {
    // Only root can mount; setup.sh asks for root anyway.
    const directory = join(temporaryDirectory(), 'full');
    mkdirSync(directory);
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'none', directory]);
    onTestFinished(async () => void (await execa('umount', [directory])));
    const bytes = Array.from({ length: 32 }, () => Buffer.alloc(4096));
    await expect(payloads(directory).receive('abc', pieces(...bytes))).rejects.toMatchObject({
      code: 'storage',
      message: `there is no space left in ${directory} for the patch file`,
      hint: 'Free some space; the next refresh tries again.',
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is held only while it is what its name says', async () => {
    const directory = temporaryDirectory();
    const { isIntact } = payloads(directory);
    expect(await isIntact(NOTHING)).toBe(false);
    writeFileSync(join(directory, NOTHING), '');
    expect(await isIntact(NOTHING)).toBe(true);
    writeFileSync(join(directory, NOTHING), 'x');
    expect(await isIntact(NOTHING)).toBe(false);
    expect(existsSync(join(directory, NOTHING))).toBe(false);
  });
});

describe.each(Object.entries(OBSTACLES).filter(([what]) => !/nothing|huge/.test(what)))(
  'with %s in the place of a payload',
  (_what, obstruct) => {
    it('it is not intact, makes room for a new one, and stops no cleaning', async () => {
      const directory = temporaryDirectory();
      const kept = payloads(directory);
      obstruct(join(directory, NOTHING));
      obstruct(join(directory, `${NOTHING}.partial`));
      expect(kept.isIntact(NOTHING)).toBe(false);
      await kept.receive(NOTHING, pieces(Buffer.from('')));
      expect(kept.isIntact(NOTHING)).toBe(true);
      kept.keepOnly(new Set());
      expect(kept.all()).toEqual([]);
    });
  },
);
