import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMetadata } from '../../src/patch/metadata.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { METADATA } from './make/patch.ts';

const parse = (value: unknown) => parseMetadata(Buffer.from(JSON.stringify(value)));
const { schema: _, ...expected } = METADATA;

describe('parseMetadata', () => {
  test('reads what a patch file holds', () => {
    expect(parse(METADATA)).toEqual(expected);
  });

  test('ignores what it does not know, and gives nothing of it on', () => {
    expect(parse({ ...METADATA, later: true })).toEqual(expected);
  });

  test('is not fooled by __proto__ or by a key twice', () => {
    const text = JSON.stringify(METADATA);
    const polluted = `{"__proto__":{"version":"9.9","polluted":true},${text.slice(1)}`;
    expect(parseMetadata(Buffer.from(polluted))).toEqual(expected);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(parseMetadata(Buffer.from(`{"version":"1.1",${text.slice(1)}`)).version).toBe(METADATA.version);
  });

  test.each([
    ['schema', 1, /schema/],
    ['kernel', '../../etc', /kernel: not a kernel version/],
    ['kernel', 6, /kernel/],
    ['architecture', 'riscv64', /architecture/],
    ['version', '1.2.3.4', /version: not a patch version/],
    ['version', '1234567', /version/],
    ['version', '121', /version: not a patch version/],
    ['version', '121.1.0', /version: not a patch version/],
    ['version', '0121.1', /version: not a patch version/],
    ['version', '121.01', /version: not a patch version/],
    ['module', 'a-b', /module: not a module name/],
    ['module', '', /module/],
    ['module', 'm'.repeat(56), /module/],
    ['module', 'a\n', /module/],
    ['digest', 'a'.repeat(127), /digest: not 128 lower-case hex/],
    ['digest', 'A'.repeat(128), /digest: not 128 lower-case hex/],
    ['vermagic', '', /vermagic: not plain text/],
    ['vermagic', '6.8 \u2028', /vermagic: not plain text/],
    ['vermagic', '6'.repeat(257), /vermagic/],
    ['cumulative', 'true', /cumulative/],
    ['releasedAt', 'yesterday', /releasedAt/],
    ['fixes', 'CVE-2026-1', /fixes/],
    ['fixes', [{ name: 7 }], /fixes\.0\.name/],
    ['fixes', Array.from({ length: 1001 }, () => ({ name: 'CVE' })), /fixes/],
  ])('refuses a %s of %j, naming the field', async (field, value, message) => {
    await expectRefusal(() => parse({ ...METADATA, [field]: value }), 'metadata', message);
  });

  test.each([
    ['schema', '\u001b[2J', /^metadata\.json: schema: expected 2$/],
    ['architecture', 'x'.repeat(10_000), /^metadata\.json: architecture: expected \("amd64" \| .{1,30}\)$/],
    ['kernel', '../6.8', /^metadata\.json: kernel: not a kernel version$/],
    ['releasedAt', '2026-11-01T12:00:00\u00e9', /^metadata\.json: releasedAt: expected iso_timestamp$/],
  ])('says of a %s of %j what it should be, and repeats nothing of it', async (field, value, message) => {
    await expectRefusal(() => parse({ ...METADATA, [field]: value }), 'metadata', message);
  });

  test.each(Object.keys(METADATA))('refuses a document without %s', async (field) => {
    await expectRefusal(
      () => parse({ ...METADATA, [field]: undefined }),
      'metadata',
      new RegExp(`: ${field}: `),
    );
  });

  test('reads a document of exactly a mebibyte', () => {
    const document = JSON.stringify(METADATA);
    expect(parseMetadata(Buffer.from(document.padEnd(2 ** 20)))).toEqual(expected);
  });

  test('says why it is not JSON, as a cause', () => {
    expect(() => parseMetadata(Buffer.from('{'))).toThrow(
      expect.objectContaining({ cause: expect.stringContaining('JSON') }),
    );
  });

  test.each([
    ['nothing', Buffer.alloc(0), /not JSON/],
    ['null', Buffer.from('null'), /the document/],
    ['a list', Buffer.from('[]'), /metadata\.json/],
    ['text that is not UTF-8', Buffer.from('{"a":"\xff"}', 'latin1'), /UTF-8/],
    ['nesting without end', Buffer.from('['.repeat(500_000)), /not JSON/],
    ['more than a mebibyte', Buffer.alloc(2 ** 20 + 1, ' '), /too large/],
  ])('refuses %s', async (_, bytes, message) => {
    await expectRefusal(() => parseMetadata(bytes), 'metadata', message);
  });

  test('survives any JSON and any bytes', async () => {
    const fields = fc.record(Object.fromEntries(Object.keys(METADATA).map((key) => [key, fc.jsonValue()])));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fields, fc.jsonValue()), fc.uint8Array(), async (value, bytes) => {
        expect(await isAccepted(() => parse(value), 'metadata')).toBe(false);
        expect(await isAccepted(() => parseMetadata(bytes), 'metadata')).toBe(false);
      }),
    );
  });
});
