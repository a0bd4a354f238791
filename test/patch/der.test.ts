import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atEnd, derReader, enter, expectEnd, nextIs, readElement, TAG } from '../../src/patch/der.ts';
import { hex, tlv } from './make/cms.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';

const octets = (digits: string) => () =>
  readElement(derReader(hex(digits), 'signature'), TAG.octetString, 'the thing');

describe('readElement', () => {
  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])('reads an element of %d bytes', (size) => {
    const der = tlv(TAG.octetString, Buffer.alloc(size, 7));
    const reader = derReader(der, 'signature');
    const { raw, content } = readElement(reader, TAG.octetString, 'the thing');
    expect(Buffer.compare(raw, der)).toBe(0);
    expect(content.length).toBe(size);
    expect(atEnd(reader)).toBe(true);
  });

  test.each([
    ['another tag', '0500', /missing or not of its type/],
    ['nothing', '', /missing or not of its type/],
    ['no length', '04', /ends within its length/],
    ['half a length', '0482 01', /ends within its length/],
    ['an indefinite length', '0480 00 0000', /indefinite length/],
    ['a long form for a short length', '0481 01 00', /needlessly long/],
    ['a long form for 127', `04817f${'00'.repeat(127)}`, /needlessly long/],
    ['a leading zero in the length', `048200ff${'00'.repeat(255)}`, /needlessly long/],
    ['a length of zero in long form', '048100', /needlessly long/],
    ['a length of five octets', '0485 0000000001 00', /length of 5 octets/],
    ['a reserved length', '04ff', /length of 127 octets/],
    ['more length than bytes', '0402 00', /longer than what holds it/],
    ['the largest length', '0484ffffffff 00', /longer than what holds it/],
  ])('refuses %s', async (_, digits, message) => {
    await expectRefusal(octets(digits.replaceAll(' ', '')), 'signature', message);
  });

  test('never reads past the element that it is in', async () => {
    const inner = enter(derReader(hex('30030402aaaaaa'), 'signature'), TAG.sequence, 'outer');
    await expectRefusal(() => readElement(inner, TAG.octetString, 'inner'), 'signature', /longer than what/);
  });

  test('accepts a length only in the form in which it would be written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 8 }), fc.nat(300), async (head, size) => {
        const bytes = Buffer.concat([Buffer.from([TAG.octetString]), head, Buffer.alloc(size)]);
        const reader = derReader(bytes, 'module');
        let raw = new Uint8Array();
        let content = new Uint8Array();
        const accepted = await isAccepted(() => {
          ({ raw, content } = readElement(reader, TAG.octetString, 'it') as Record<
            'raw' | 'content',
            typeof raw
          >);
        }, 'module');
        if (accepted) expect(Buffer.compare(raw, tlv(TAG.octetString, content))).toBe(0);
      }),
    );
  });
});

describe('expectEnd', () => {
  test('refuses what is left over', async () => {
    const reader = derReader(hex('0500 0500'.replace(' ', '')), 'trust-anchors');
    readElement(reader, TAG.null, 'the thing');
    expect(nextIs(reader, TAG.null)).toBe(true);
    await expectRefusal(() => expectEnd(reader, 'the thing'), 'trust-anchors', /more than it should/);
  });
});
