import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareVersions } from '../../src/policy/version.ts';

describe('compareVersions', () => {
  test.each([
    ['121.4', '121.4', 0],
    ['121.4', '121.10', -1],
    ['99.9', '121.1', -1],
    ['121.0', '120.999999', 1],
  ])('%s and %s', (a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
  });

  test('orders as tuples of numbers do, whichever comes first', () => {
    const part = fc.nat(999_999);
    fc.assert(
      fc.property(part, part, part, part, (a1, a2, b1, b2) => {
        const expected = Math.sign(a1 - b1 || a2 - b2);
        expect(Math.sign(compareVersions(`${a1}.${a2}`, `${b1}.${b2}`))).toBe(expected);
        expect(Math.sign(compareVersions(`${b1}.${b2}`, `${a1}.${a2}`))).toBe(expected === 0 ? 0 : -expected);
      }),
    );
  });
});
