import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readModule } from '../../src/patch/module.ts';
import {
  MODULE_NAME,
  type ModuleParts,
  makeModule,
  modinfoSection,
  RELEASE,
  type SectionParts,
  SHT_NOTE,
  thisModule,
} from './make/elf.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';

const modinfo = { name: '.modinfo', content: modinfoSection([`name=${MODULE_NAME}`, 'vermagic=6.8']) };
const own = { name: '.gnu.linkonce.this_module', content: thisModule(MODULE_NAME) };
const strings = (...modinfo: string[]) => makeModule({ modinfo });
const patched = (offset: number, ...bytes: number[]) => {
  const file = makeModule();
  file.set(bytes, offset);
  return file;
};

describe('readModule', () => {
  test.each([
    ['amd64', 62, false],
    ['arm64', 183, false],
    ['s390x', 22, true],
  ])('reads a live patch for %s', (architecture, machine, bigEndian) => {
    expect(readModule(makeModule({ machine, bigEndian }))).toEqual({
      name: MODULE_NAME,
      architecture,
      livepatch: true,
      vermagic: `${RELEASE} SMP preempt mod_unload modversions `,
      release: RELEASE,
      // Sizes and type in the note's own words, "GNU", and SHA-1.
      buildId: expect.stringMatching(/^040000001400000003000000474e5500[0-9a-f]{40}$/),
    });
  });

  test('reads a module without a build id', () => {
    expect(readModule(makeModule({ sections: [modinfo, own] })).buildId).toBeUndefined();
  });

  test('reads a module that is no live patch', () => {
    expect(readModule(strings(`name=${MODULE_NAME}`, 'vermagic=6.8')).livepatch).toBe(false);
    expect(readModule(strings(`name=${MODULE_NAME}`, 'vermagic=6.8', 'livepatch=N')).livepatch).toBe(false);
  });

  test('reads a .modinfo of 1 MiB, and no key for another that ends like it', () => {
    const strings = Buffer.concat([
      modinfo.content,
      modinfoSection(['alias=x', 'myname=other', 'livepatch=Y']),
    ]);
    const content = Buffer.concat([strings, Buffer.alloc(2 ** 20 - strings.length)]);
    expect(readModule(makeModule({ sections: [{ ...modinfo, content }, own] }))).toMatchObject({
      name: MODULE_NAME,
      livepatch: true,
    });
  });

  test('does not look into section 0, which is none', () => {
    const file = makeModule();
    file.fill(0xff, Number(file.readBigUInt64LE(40)) + 24, Number(file.readBigUInt64LE(40)) + 40);
    expect(readModule(file).name).toBe(MODULE_NAME);
  });

  test('reads a name of 55 bytes and none longer', async () => {
    expect(readModule(makeModule({ name: 'm'.repeat(55) })).name).toHaveLength(55);
    await expectRefusal(
      () => readModule(makeModule({ name: 'm'.repeat(56) })),
      'module',
      /a name that is too long/,
    );
    const content = Buffer.alloc(1024, 'm');
    const unended = makeModule({ sections: [modinfo, { ...own, content }] });
    await expectRefusal(() => readModule(unended), 'module', /has no end/);
  });

  test('keeps to its bytes within a larger buffer', () => {
    const file = makeModule();
    const whole = Buffer.concat([Buffer.alloc(13, 1), file, Buffer.alloc(7, 1)]);
    expect(readModule(whole.subarray(13, 13 + file.length))).toEqual(readModule(file));
  });

  test.each([
    ['nothing', Buffer.alloc(0), /not an ELF/],
    ['a script', Buffer.from(`#!/bin/sh\n${' '.repeat(100)}`), /not an ELF/],
    ['a header alone', makeModule().subarray(0, 64), /outside the file/],
    ['half a header', makeModule().subarray(0, 63), /not an ELF/],
    ['a 32-bit file', patched(4, 1), /not a 64-bit/],
    ['an unknown byte order', patched(5, 3), /not a 64-bit/],
    ['an unknown ELF version', patched(6, 2), /not a 64-bit/],
    ['a program', patched(16, 2, 0), /no kernel module/],
    ['an unknown architecture', makeModule({ machine: 8 }), /not known/],
    ['s390x in little-endian', makeModule({ machine: 22 }), /not known/],
    ['amd64 in big-endian', makeModule({ bigEndian: true }), /not known/],
    ['a section table beyond the file', patched(40, 0xff, 0xff, 0xff), /outside the file/],
    ['a section table 4 GiB on', Buffer.concat([patched(44, 1), Buffer.alloc(1)]), /outside the file/],
    ['a section table at the end of the world', patched(40, ...Array(8).fill(0xff)), /outside the file/],
    ['no sections', patched(60, 0, 0), /section table/],
    ['too many sections', patched(60, 0x00, 0xff), /section table/],
    ['more sections than fit', patched(60, 0xff, 0x00), /outside the file/],
    ['section headers of another size', patched(58, 63), /section table/],
    ['section names in no section', patched(62, 0xff, 0), /has no end/],
    [
      'section names just after the last section',
      patched(62, makeModule().readUInt16LE(60), 0),
      /has no end/,
    ],
    ['no .modinfo', makeModule({ sections: [own] }), /has no \.modinfo/],
    ['two .modinfo', makeModule({ sections: [modinfo, own, modinfo] }), /more than one \.modinfo/],
    ['a .modinfo without content', makeModule({ sections: [{ ...modinfo, type: 8 }, own] }), /lacks name/],
    [
      'a .modinfo of 2 MiB',
      makeModule({ sections: [{ ...modinfo, content: Buffer.alloc(2 ** 21) }, own] }),
      /too large/,
    ],
    ['no name of its own', makeModule({ sections: [modinfo] }), /has no \.gnu/],
    ['two of its own name', makeModule({ sections: [modinfo, own, own] }), /more than one \.gnu/],
    [
      'a name that is cut short',
      makeModule({ sections: [modinfo, { ...own, content: own.content.subarray(0, 79) }] }),
      /cut short/,
    ],
    ['two different names', makeModule({ ownName: 'other' }), /two different names/],
    ['no name in .modinfo', strings('vermagic=6.8'), /lacks name/],
    ['no vermagic', strings(`name=${MODULE_NAME}`), /lacks name or vermagic/],
    ['name twice', strings(`name=${MODULE_NAME}`, 'vermagic=6.8', `name=${MODULE_NAME}`), /holds name twice/],
    [
      'vermagic twice',
      strings(`name=${MODULE_NAME}`, 'vermagic=6.8', 'vermagic=6.9'),
      /holds vermagic twice/,
    ],
    [
      'livepatch twice',
      strings(`name=${MODULE_NAME}`, 'vermagic=6.8', 'livepatch=N', 'livepatch=Y'),
      /livepatch twice/,
    ],
  ])('refuses %s', async (_, file, message) => {
    await expectRefusal(() => readModule(file), 'module', message);
  });

  const note = (changes: Partial<SectionParts> = {}, length = 36) => ({
    name: '.note.gnu.build-id',
    content: Buffer.alloc(length, 0xab),
    type: SHT_NOTE,
    ...changes,
  });
  const withNotes = (...notes: SectionParts[]) => makeModule({ sections: [modinfo, own, ...notes] });

  test('gives the build id as the kernel will show it: the whole section, however many notes are in it', () => {
    expect(readModule(makeModule({ notes: 0 })).buildId).toBeUndefined();
    expect(readModule(makeModule({ notes: 1 })).buildId).toMatch(/^(04000000.{64}){1}$/);
    expect(readModule(makeModule({ notes: 3 })).buildId).toMatch(/^(04000000.{64}){3}$/);
    expect(readModule(withNotes(note({}, 128))).buildId).toHaveLength(256);
  });

  test.each<[string, SectionParts]>([
    ['is not loaded', note({ flags: 0 })],
    ['is of another type', note({ type: 1 })],
    ['is empty', note({}, 0)],
    ['has another name', note({ name: '.note.gnu.build-id2' })],
  ])('gives no build id from a section that the kernel will not show: it %s', (_, section) => {
    expect(readModule(withNotes(section)).buildId).toBeUndefined();
  });

  test.each<[string, Buffer, RegExp]>([
    ['two sections of notes', withNotes(note(), note()), /more than one \.note/],
    ['notes without measure', withNotes(note({}, 129)), /build id note is too large/],
    ['a .modinfo without an end', strings('\0'), /lacks name/],
    [
      'a last string without an end',
      makeModule({ sections: [{ ...modinfo, content: modinfo.content.subarray(0, -1) }, own] }),
      /has no end/,
    ],
    ['a vermagic without measure', strings(`name=${MODULE_NAME}`, `vermagic=${'6'.repeat(257)}`), /too long/],
    ['a control sequence in its name', strings('name=a\x9b2J', 'vermagic=6.8'), /not plain text/],
    [
      'a control sequence in its vermagic',
      strings(`name=${MODULE_NAME}`, 'vermagic=6.8\x1b[2J'),
      /plain text/,
    ],
    ['livepatch=Yes', strings(`name=${MODULE_NAME}`, 'vermagic=6.8', 'livepatch=Yes'), /too long/],
  ])('refuses %s', async (_, file, message) => {
    await expectRefusal(() => readModule(file), 'module', message);
  });

  test('costs no more than its size when 65,278 sections share one long name', async () => {
    const name = 'n'.repeat(2 ** 20);
    const shared = Array.from({ length: 65_274 }, () => ({ name: '', content: Buffer.alloc(0) }));
    const file = makeModule({ sections: [modinfo, own, { name, content: Buffer.alloc(0) }, ...shared] });
    const table = Number(file.readBigUInt64LE(40));
    const longName = file.readUInt32LE(table + 64 * 3);
    for (let index = 4; index < 65_000; index++) file.writeUInt32LE(longName, table + 64 * index);
    const before = process.memoryUsage();
    const start = performance.now();
    expect(readModule(file).name).toBe(MODULE_NAME);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(128 * 2 ** 20);
  });

  test('costs no more than its size when .modinfo is a mebibyte of nothing', () => {
    const content = Buffer.concat([Buffer.alloc(2 ** 20 - modinfo.content.length), modinfo.content]);
    const start = performance.now();
    expect(readModule(makeModule({ sections: [{ ...modinfo, content }, own] })).name).toBe(MODULE_NAME);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  /** What real modules vary in. */
  const variants = fc.record({
    notes: fc.nat(3),
    alignment: fc.constantFrom(1, 2, 3, 8, 16, 64, 4096),
    keys: fc.array(fc.stringMatching(/^[a-z_]{1,12}=[\x20-\x7e]{0,60}$/), { maxLength: 300 }),
    sections: fc.array(fc.stringMatching(/^\.[a-z._]{1,40}$/), { maxLength: 50 }),
    seed: fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 }),
    arch: fc.constantFrom(
      ...([{ machine: 62 }, { machine: 183 }, { machine: 22, bigEndian: true }] as const),
    ),
  });

  test('reads the same of a module however it was laid out', () => {
    fc.assert(
      fc.property(variants, ({ notes, alignment, keys, sections, seed, arch }) => {
        const others = keys.filter((entry) => !/^(name|vermagic|livepatch)=/.test(entry));
        const more = sections
          .filter((name) => !/^\.(modinfo|note\.gnu\.build-id)$/.test(name))
          .map((name) => ({ name, content: Buffer.from(name) }));
        const parts: ModuleParts = {
          ...{ notes, alignment, ...arch },
          modinfo: [...others, `name=${MODULE_NAME}`, 'livepatch=Y', `vermagic=${RELEASE} SMP `],
          order: (usual) =>
            [...usual, ...more]
              .map((section, index) => ({ section, at: seed[index % seed.length] ?? 0 }))
              .sort((a, b) => a.at - b.at)
              .map(({ section }) => section),
        };
        const read = readModule(makeModule(parts));
        expect(read).toMatchObject({ name: MODULE_NAME, livepatch: true, release: RELEASE });
        expect(read.buildId?.length ?? 0).toBe(notes * 72);
      }),
    );
  });

  test('survives anything', async () => {
    const file = makeModule();
    const change = fc.record({ at: fc.nat(file.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 6 }), fc.nat(file.length), async (changes, length) => {
        const changed = Buffer.from(file);
        for (const { at, byte } of changes) changed[at] = byte;
        await isAccepted(() => readModule(changed), 'module');
        await isAccepted(() => readModule(changed.subarray(0, length)), 'module');
      }),
      { numRuns: 500 },
    );
  });
});
