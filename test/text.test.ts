import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINE, PROSE, printable } from '../src/text.ts';

/** Where Python's str.splitlines breaks, which holds all that YAML 1.1 section 4.2 breaks at. */
const BREAKS = [...'\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029'];
const YAML_BREAKS = [...'\n\r\x85\u2028\u2029'];
const OTHERS: [string, string[]][] = [
  ['C0 controls and DEL', [...'\0\x07\b\x1b\x7f']],
  ['C1 controls', [...'\x80\x9b\x9f']],
  ['bidi controls', [...'\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c']],
  ['what is invisible', [...'\u200b\u200d\u2060\ufeff\u00ad\u{e0041}']],
  ['what is unassigned', [...'\u0378\uffff\u{10ffff}']],
  ['what is private', ['\ue000']],
  ['lone surrogates', ['\ud800', '\udfff', '\udc00\ud800']],
];
const UNPRINTABLE: [string, string[]][] = [['line breaks', BREAKS], ...OTHERS];

/** Any text, with much of what is no good. */
const anyText = fc
  .array(fc.oneof(fc.constantFrom(...UNPRINTABLE.flatMap(([, list]) => list)), fc.string({ unit: 'binary' })))
  .map((parts) => parts.join(''));

it('knows every character that Python breaks lines at', () => {
  const program = 'print(*(i for i in range(0x110000) if len(("a" + chr(i) + "b").splitlines()) > 1))';
  const points = execFileSync('python3', ['-c', program], { encoding: 'utf8' }).trim().split(' ').map(Number);
  expect(points.map((point) => String.fromCodePoint(point))).toEqual(BREAKS);
  expect(BREAKS).toEqual(expect.arrayContaining(YAML_BREAKS));
});

describe('printable text', () => {
  it.each(UNPRINTABLE)('is free of %s', (_what, list) => {
    for (const character of list) {
      expect(LINE.test(`a${character}b`)).toBe(false);
      expect(PROSE.test(`a${character}b`)).toBe(character === '\n');
      expect(printable(`a${character}b`, 10)).toMatch(/^a\?\??b$/);
    }
  });

  it.each(['', 'Köçek ☃', '日本語', '🐧', 'a b', "it's <50%> `x` \\ $(y)", 'e\u0301'])('keeps %j', (text) => {
    expect(printable(text, 100)).toBe(text);
    expect(LINE.test(text)).toBe(true);
    expect(PROSE.test(`${text}\n\t${text}`)).toBe(true);
  });

  it('is one line of good characters, within its bound, whatever the text', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 40 }), (text, maxLength) => {
        const shown = printable(text, maxLength);
        expect(shown).toMatch(LINE);
        expect(shown.length).toBeLessThanOrEqual(maxLength);
        expect(shown.isWellFormed()).toBe(true);
        if (LINE.test(text) && text.length <= maxLength) expect(shown).toBe(text);
      }),
    );
  });

  it.each([
    ['abcd', 4, 'abcd'],
    ['abcde', 4, 'abc…'],
    ['ab🐧🐧', 4, 'ab…'],
    ['abc🐧', 4, 'abc…'],
    ['🐧🐧', 2, '…'],
  ])('%s in %i is %s', (text, maxLength, shown) => expect(printable(text, maxLength)).toBe(shown));
});

it('breaks into no more lines in Python than were written', () => {
  const batch = fc.sample(anyText, 2000).map((text) => printable(text, 60));
  const program = 'import json,sys; print(max(len(s.splitlines()) for s in json.load(sys.stdin)))';
  const most = execFileSync('python3', ['-c', program], { encoding: 'utf8', input: JSON.stringify(batch) });
  expect(most.trim()).toBe('1');
});
