import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { append, MARKER, trailer } from './make/cms.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';

const CONTENT = Buffer.from('\x7fELF and so on', 'latin1');
const SIGNATURE = Buffer.from('signature');

describe('splitSignedModule', () => {
  test('takes a signed file apart', () => {
    const { content, signature } = splitSignedModule(append(CONTENT, SIGNATURE));
    expect(Buffer.from(content)).toEqual(CONTENT);
    expect(signature && Buffer.from(signature)).toEqual(SIGNATURE);
  });

  test('works within a larger buffer', () => {
    const whole = Buffer.concat([Buffer.from('before'), append(CONTENT, SIGNATURE), Buffer.from('after')]);
    const { signature } = splitSignedModule(whole.subarray(6, whole.length - 5));
    expect(signature && Buffer.from(signature)).toEqual(SIGNATURE);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a bare module', CONTENT],
    ['a marker with a byte missing', append(CONTENT, SIGNATURE).subarray(0, -1)],
    ['a marker with a byte after it', Buffer.concat([append(CONTENT, SIGNATURE), Buffer.from('\n')])],
    ['a marker in the middle', Buffer.concat([MARKER, CONTENT])],
  ])('sees no signature in %s', (_, file) => {
    expect(splitSignedModule(file)).toEqual({ content: file });
  });

  const withTrailer = (bytes: Buffer) => Buffer.concat([CONTENT, SIGNATURE, bytes, MARKER]);
  test.each<[string, Buffer, RegExp]>([
    ['a marker alone', MARKER, /cut short/],
    ['half a trailer', Buffer.concat([Buffer.alloc(11), MARKER]), /cut short/],
    ['an older identifier type', withTrailer(trailer(9, { 2: 1 })), /not a PKCS#7/],
    ['an unknown identifier type', withTrailer(trailer(9, { 2: 3 })), /not a PKCS#7/],
    ...[0, 1, 3, 4, 5, 6, 7].map((field): [string, Buffer, RegExp] => [
      `byte ${field} set`,
      withTrailer(trailer(9, { [field]: 1 })),
      /must be zero/,
    ]),
    ['a trailer alone', Buffer.concat([trailer(1), MARKER]), /impossible size/],
    ['no signature', withTrailer(trailer(0)), /impossible size/],
    ['a signature that is the whole file', withTrailer(trailer(CONTENT.length + 9)), /impossible size/],
    ['a signature larger than the file', withTrailer(trailer(CONTENT.length + 10)), /impossible size/],
    ['a signature of 4 GiB', withTrailer(trailer(0xffffffff)), /impossible size/],
    [
      'the size in little-endian',
      withTrailer(Buffer.from('000002000000000009000000', 'hex')),
      /impossible size/,
    ],
  ])('refuses %s', async (_, file, message) => {
    await expectRefusal(() => splitSignedModule(file), 'signature', message);
  });

  test('whatever stands before the marker, is refused or put together again to the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.nat(40), async (bytes, size) => {
        for (const file of [Buffer.concat([bytes, MARKER]), Buffer.concat([bytes, trailer(size), MARKER])]) {
          await isAccepted(() => {
            const { content, signature } = splitSignedModule(file);
            expect(append(content, signature ?? Buffer.alloc(0))).toEqual(file);
          }, 'signature');
        }
      }),
    );
  });
});
