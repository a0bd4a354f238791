import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import {
  formatIndex,
  type KernelIndex,
  parseIndex,
  TIERS,
} from '../../../src/source/catalogue/kernel-index.ts';
import type { Fix } from '../../../src/types.ts';
import { indexOf, listed } from '../../catalogue/make.ts';

const fix: fc.Arbitrary<Fix> = fc.record({
  name: fc.integer({ min: 0, max: 30 }).map((number) => `CVE-2026-${number}`),
  description: fc.constantFrom('', 'use after free', 'zwei\nZeilen äöü'),
  bug: fc.constantFrom('', 'https://bugs.example/1'),
  patched: fc.boolean(),
});
const index: fc.Arbitrary<KernelIndex> = fc
  .array(
    fc.record({
      fixes: fc.array(fix, { maxLength: 40 }),
      tier: fc.constantFrom(...TIERS),
      phase: fc.integer({ min: 0, max: 100 }),
    }),
    { maxLength: 12 },
  )
  .map((patches) => indexOf(patches.map((changes, place) => listed(`${200 - place}.1`, changes))));

describe('the index of a kernel', () => {
  it('says what was written into it, whatever that is', () => {
    fc.assert(
      fc.property(index, (one) => {
        expect(parseIndex(formatIndex(one))).toEqual(one);
      }),
    );
  });

  it('takes any bytes without harm', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (one) => {
        try {
          parseIndex(one);
        } catch (error) {
          expect((error as Error).message).toMatch(/^[\w .:,-]+$/);
        }
      }),
    );
  });

  it('names the fixes of cumulative patches once', () => {
    const fixes = Array.from({ length: 200 }, (_, n) => ({
      name: `CVE-2026-${n}`,
      description: 'x'.repeat(60),
      bug: '',
      patched: true,
    }));
    const patches = Array.from({ length: 40 }, (_, n) =>
      listed(`${140 - n}.1`, { fixes: fixes.slice(0, 200 - 4 * n) }),
    );
    expect(formatIndex(indexOf(patches)).length).toBeLessThan(48 * 1024);
  });

  it.each([
    ['a run that ends before it begins', [[1, 1]]],
    ['a run beyond the end', [[0, 2]]],
    ['a number as run', [0]],
    ['a negative run', [[-1, 1]]],
    ['a run of everything, over and over', Array.from({ length: 1001 }, () => [0, 1])],
  ])('is refused with %s', (_, fixes) => {
    const file = JSON.parse(formatIndex(indexOf([listed('121.1')])).toString());
    file.patches[0].fixes = fixes;
    expect(() => parseIndex(Buffer.from(JSON.stringify(file)))).toThrow(/patches/);
  });

  it('is refused when it is small and says more than can be kept', () => {
    const fixes = Array.from({ length: 60 }, (_, n) => ({
      name: `CVE-${n}`,
      description: 'x'.repeat(4000),
      bug: '',
      patched: true,
    }));
    const patches = Array.from({ length: 100 }, (_, n) => listed(`${200 - n}.1`));
    const file = JSON.parse(formatIndex(indexOf(patches)).toString());
    file.fixes = fixes;
    for (const patch of file.patches) patch.fixes = [[0, 60]];
    const bytes = Buffer.from(JSON.stringify(file));
    expect(bytes.length).toBeLessThan(LIMITS.network.answerBytes);
    expect(() => parseIndex(bytes)).toThrow('there is too much in it');
  });
});
