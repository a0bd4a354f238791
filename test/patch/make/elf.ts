import { createHash } from 'node:crypto';

export interface SectionParts {
  name: string;
  content: Buffer;
  /** SHT_PROGBITS by default. */
  type?: number;
  /** SHF_ALLOC by default. */
  flags?: number;
}

/** What goes into a module that the tests make up; nothing of it can run. */
export interface ModuleParts {
  name?: string;
  /** The name inside `.gnu.linkonce.this_module`, when it is to differ. */
  ownName?: string;
  release?: string;
  /** `.modinfo` strings instead of the usual ones. */
  modinfo?: string[];
  machine?: number;
  bigEndian?: boolean;
  /** Sections instead of the usual ones. */
  sections?: SectionParts[];
  /** How many build id notes the linker left: older ones none, `ld -r` of several objects several. */
  notes?: number;
  /** In which order the sections come; by default as they are listed here. */
  order?: (sections: SectionParts[]) => SectionParts[];
  /** What each section's offset is a multiple of. */
  alignment?: number;
  /** Bytes that make the module larger. */
  filler?: Buffer;
}

export const MODULE_NAME = 'lkp_Ubuntu_6_8_0_1047_50_aws_121';
export const RELEASE = '6.8.0-1047-aws';

/** A small ELF64 relocatable file with the sections that a live patch has. */
export function makeModule(parts: ModuleParts = {}): Buffer {
  const { name = MODULE_NAME, release = RELEASE, machine = 62, bigEndian = false } = parts;
  const modinfo = parts.modinfo ?? [
    'license=GPL',
    'livepatch=Y',
    'depends=',
    `name=${name}`,
    `vermagic=${release} SMP preempt mod_unload modversions `,
  ];
  const { notes = 1, order = (sections) => sections, alignment = 1 } = parts;
  const sections = parts.sections ?? [
    { name: '.modinfo', content: modinfoSection(modinfo) },
    { name: '.gnu.linkonce.this_module', content: thisModule(parts.ownName ?? name) },
    ...(notes === 0 ? [] : [noteSection(notes, parts)]),
    { name: '.text', content: parts.filler ?? Buffer.from('no code') },
  ];
  return assembleElf(order(sections), machine, bigEndian, alignment);
}

export const SHT_NOTE = 7;

function noteSection(notes: number, parts: ModuleParts): SectionParts {
  const content = Buffer.concat(Array.from({ length: notes }, (_, index) => buildIdNote(parts, index)));
  return { name: '.note.gnu.build-id', content, type: SHT_NOTE };
}

export function modinfoSection(strings: string[]): Buffer {
  return Buffer.from(strings.map((text) => `${text}\0`).join(''), 'latin1');
}

/** As a linker writes it: sizes, type NT_GNU_BUILD_ID, "GNU", a digest of what goes into the module. */
function buildIdNote({ filler = Buffer.alloc(0), ...parts }: ModuleParts, index: number): Buffer {
  const digest = createHash('sha1')
    .update(JSON.stringify({ ...parts, index: index || undefined }))
    .update(filler)
    .digest();
  const header = Buffer.alloc(16);
  header.writeUInt32LE(4, 0);
  header.writeUInt32LE(digest.length, 4);
  header.writeUInt32LE(3, 8);
  header.write('GNU\0', 12, 'latin1');
  return Buffer.concat([header, digest]);
}

export function thisModule(name: string): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.write(name, 24, 'latin1');
  return bytes;
}

function assembleElf(
  sections: SectionParts[],
  machine: number,
  bigEndian: boolean,
  alignment: number,
): Buffer {
  const all: SectionParts[] = [{ name: '', content: Buffer.alloc(0), type: 0, flags: 0 }, ...sections];
  const names = Buffer.from(
    [...all.map(({ name }) => name), '.shstrtab'].map((name) => `${name}\0`).join(''),
  );
  all.push({ name: '.shstrtab', content: names, type: 3, flags: 0 });

  const pad = (length: number) => Math.ceil(length / alignment) * alignment;
  const bodies = Buffer.concat(
    all.flatMap(({ content }) => [content, Buffer.alloc(pad(content.length) - content.length)]),
  );
  const headers = Buffer.alloc(64 * all.length);
  const table = new DataView(headers.buffer, headers.byteOffset, headers.length);
  let nameAt = 0;
  let contentAt = 64;
  all.forEach(({ name, content, type = 1, flags = 2 }, index) => {
    table.setUint32(64 * index, nameAt, !bigEndian);
    table.setUint32(64 * index + 4, type, !bigEndian);
    table.setBigUint64(64 * index + 8, BigInt(flags), !bigEndian);
    table.setBigUint64(64 * index + 24, BigInt(contentAt), !bigEndian);
    table.setBigUint64(64 * index + 32, BigInt(content.length), !bigEndian);
    nameAt += name.length + 1;
    contentAt += pad(content.length);
  });

  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header.set([2, bigEndian ? 2 : 1, 1], 4);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  view.setUint16(16, 1, !bigEndian);
  view.setUint16(18, machine, !bigEndian);
  view.setUint32(20, 1, !bigEndian);
  view.setBigUint64(40, BigInt(contentAt), !bigEndian);
  view.setUint16(52, 64, !bigEndian);
  view.setUint16(58, 64, !bigEndian);
  view.setUint16(60, all.length, !bigEndian);
  view.setUint16(62, all.length - 1, !bigEndian);
  return Buffer.concat([header, bodies, headers]);
}
