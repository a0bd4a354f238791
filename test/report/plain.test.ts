import { describe, expect, it } from 'vitest';
import { plain } from '../../src/report/plain.ts';

describe('plain', () => {
  it.each([
    ['\n', '\\u{a}'],
    ['\x1b[2J', '\\u{1b}[2J'],
    ['\x7f', '\\u{7f}'],
    ['\x9b31m', '\\u{9b}31m'],
    ['\u0085', '\\u{85}'],
    ['\u202eabc', '\\u{202e}abc'],
    ['\u2066', '\\u{2066}'],
    ['\u200b', '\\u{200b}'],
    ['\ufeff', '\\u{feff}'],
    ['\u2028', '\\u{2028}'],
    ['\u2029', '\\u{2029}'],
    ['\ud800', '\\u{d800}'],
    ['a\udc00b', 'a\\u{dc00}b'],
    ['\u{e0001}', '\\u{e0001}'],
  ])('shows %j as %s', (text, shown) => {
    expect(plain(text)).toBe(shown);
  });

  it.each(['', 'a b', 'äöü', '😀', '日本', '✓ ✗ ⧗', '\u00a0'])('leaves %j as it is', (text) => {
    expect(plain(text)).toBe(text);
  });
});
