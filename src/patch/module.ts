import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Architecture } from '../types.ts';

/** What a kernel module says of itself. */
export interface ModuleFile {
  /** The name the kernel will list it by. */
  name: string;
  architecture: Architecture;
  /** Marked `livepatch=Y`: without it the kernel refuses to patch anything from it. */
  livepatch: boolean;
  vermagic: string;
  /** The kernel release it was built for: the first word of the vermagic. */
  release: string;
  /** Its build id note, lower-case hex, where the linker wrote one; the kernel shows it of a module that is loaded. */
  buildId: string | undefined;
}

/** e_machine and byte order, of elf(5). */
const ARCHITECTURES: Readonly<Record<number, { name: Architecture; littleEndian: boolean }>> = {
  22: { name: 's390x', littleEndian: false },
  62: { name: 'amd64', littleEndian: true },
  183: { name: 'arm64', littleEndian: true },
};
const MAGIC = Buffer.from('\x7fELF');
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ELFDATA2MSB = 2;
const ET_REL = 1;
const SHT_NOTE = 7;
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
/** Indices from here on have other meanings; a module with so many sections is none that we know. */
const SHN_LORESERVE = 0xff00;
/** `struct module` on 64 bits: an enum, its padding, a list_head, then `name`. */
const NAME_OFFSET = 24;
const NAME_SIZE = LIMITS.patch.moduleNameLength + 1;

/** Whether a file begins as every ELF file does. */
export function isElf(file: Uint8Array): boolean {
  return MAGIC.equals(file.subarray(0, MAGIC.length));
}

/** The sections that are looked into, by name. All others are only checked to lie within the file. */
const WANTED = ['.modinfo', '.gnu.linkonce.this_module', '.note.gnu.build-id'] as const;
const WANTED_BYTES = WANTED.map((name) => ({ name, bytes: Buffer.from(`${name}\0`) }));

interface Section {
  name: (typeof WANTED)[number];
  type: number;
  allocated: boolean;
  content: Uint8Array;
}

/**
 * Reads a kernel module file (ELF64, relocatable) without its appended signature. Throws 'module' when it is none, when
 * a table lies outside the file, when a key that matters is missing or there twice, or when the two places that hold
 * its name differ: the kernel takes it from `.gnu.linkonce.this_module`, tools from `.modinfo`. Costs time and memory
 * for the section table and .modinfo, each once, whatever they hold.
 */
export function readModule(content: Uint8Array): ModuleFile {
  const { architecture, sections } = readSections(content);
  const info = readModinfo(theOnly(sections, '.modinfo'));
  const name = readOwnName(theOnly(sections, '.gnu.linkonce.this_module'));
  if (info.name !== name) throw invalid('it has two different names');
  const [release = ''] = info.vermagic.split(' ');
  return {
    name,
    architecture,
    livepatch: info.livepatch === 'Y',
    vermagic: info.vermagic,
    release,
    buildId: readBuildId(sections),
  };
}

/**
 * The section as it is, however many notes are in it, because so the kernel shows it; and only where it does
 * (kernel/module/sysfs.c, add_notes_attrs): of the type of notes, loaded and not empty.
 */
function readBuildId(sections: readonly Section[]): string | undefined {
  const [section, ...more] = sections.filter(
    ({ name, type, allocated, content }) =>
      name === '.note.gnu.build-id' && type === SHT_NOTE && allocated && content.length > 0,
  );
  if (section === undefined) return undefined;
  if (more.length > 0) throw invalid('it has more than one .note.gnu.build-id');
  if (section.content.length > LIMITS.patch.buildIdBytes) throw invalid('its build id note is too large');
  return Buffer.from(section.content).toString('hex');
}

function readSections(content: Uint8Array): { architecture: Architecture; sections: Section[] } {
  if (content.length < HEADER_SIZE || !isElf(content)) {
    throw invalid('it is not an ELF file');
  }
  const data = content[5];
  if (content[4] !== ELFCLASS64 || content[6] !== 1 || (data !== ELFDATA2LSB && data !== ELFDATA2MSB)) {
    throw invalid('it is not a 64-bit ELF file');
  }
  const littleEndian = data === ELFDATA2LSB;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  if (view.getUint16(16, littleEndian) !== ET_REL) throw invalid('it is an ELF file but no kernel module');
  const architecture = ARCHITECTURES[view.getUint16(18, littleEndian)];
  if (architecture === undefined || architecture.littleEndian !== littleEndian) {
    throw invalid('it is for an architecture that is not known');
  }
  return { architecture: architecture.name, sections: readSectionTable(view, littleEndian) };
}

function readSectionTable(view: DataView, littleEndian: boolean): Section[] {
  const offset = readUint64(view, 40, littleEndian);
  const count = view.getUint16(60, littleEndian);
  const namesIndex = view.getUint16(62, littleEndian);
  if (view.getUint16(58, littleEndian) !== SECTION_HEADER_SIZE || count === 0 || count >= SHN_LORESERVE) {
    throw invalid('its section table cannot be read');
  }
  const table = slice(view, offset, count * SECTION_HEADER_SIZE);
  const headers = new DataView(table.buffer, table.byteOffset, table.length);
  /** Where a section is. Not a view of it: there are dozens in each of thousands of modules, and few are looked into. */
  const rangeOf = (index: number): [offset: number, size: number] => {
    const at = index * SECTION_HEADER_SIZE;
    if (index >= count || headers.getUint32(at + 4, littleEndian) === SHT_NOBITS) return [0, 0];
    const offset = readUint64(headers, at + 24, littleEndian);
    const size = readUint64(headers, at + 32, littleEndian);
    refuseOutside(view, offset, size);
    return [offset, size];
  };
  const contentOf = (index: number) => slice(view, ...rangeOf(index));
  const names = contentOf(namesIndex);
  // As the kernel demands it (kernel/module/main.c, elf_validity_check), so that every name ends within the table.
  if (names.at(-1) !== 0) throw invalid('a string in it has no end');

  const sections: Section[] = [];
  for (let index = 1; index < count; index++) {
    const at = index * SECTION_HEADER_SIZE;
    const range = rangeOf(index);
    const name = wantedName(names, headers.getUint32(at, littleEndian));
    if (name === undefined) continue;
    sections.push({
      name,
      type: headers.getUint32(at + 4, littleEndian),
      // sh_flags has 64 bits; this flag is in the lower half.
      allocated: (headers.getUint32(at + (littleEndian ? 8 : 12), littleEndian) & SHF_ALLOC) !== 0,
      content: slice(view, ...range),
    });
  }
  return sections;
}

/** Compared in place: thousands of headers may share one long name. */
function wantedName(names: Uint8Array, start: number): Section['name'] | undefined {
  if (start >= names.length) throw invalid('the name of a section lies outside the table of names');
  return WANTED_BYTES.find(({ bytes }) => bytes.every((byte, index) => names[start + index] === byte))?.name;
}

/** Exact up to 2^53; what is larger is rounded and still lies outside any file. */
function readUint64(view: DataView, at: number, littleEndian: boolean): number {
  const [high, low] = littleEndian ? [at + 4, at] : [at, at + 4];
  return view.getUint32(high, littleEndian) * 2 ** 32 + view.getUint32(low, littleEndian);
}

/** A range of the file. Sums of such numbers do not wrap round. */
function slice(view: DataView, offset: number, size: number): Uint8Array {
  refuseOutside(view, offset, size);
  return new Uint8Array(view.buffer, view.byteOffset + offset, size);
}

function refuseOutside(view: DataView, offset: number, size: number): void {
  if (offset + size > view.byteLength) throw invalid('a part of it lies outside the file');
}

/** The kernel looks for one section of a name and takes the first; another reader might take the last. */
function theOnly(sections: readonly Section[], name: Section['name']): Uint8Array {
  const found = sections.filter((section) => section.name === name);
  const [only] = found;
  if (only === undefined) throw invalid(`it has no ${name}`);
  if (found.length > 1) throw invalid(`it has more than one ${name}`);
  return only.content;
}

/** The keys of .modinfo that decide something, and the longest value that each may have. */
const KEYS = {
  name: LIMITS.patch.moduleNameLength,
  vermagic: LIMITS.patch.vermagicLength,
  livepatch: 1,
} as const;

/** `key=value` strings, each ended by NUL. Only the keys that decide something are taken, and only once each. */
function readModinfo(section: Uint8Array): { name: string; vermagic: string; livepatch: string | undefined } {
  if (section.length > LIMITS.patch.modinfoBytes) throw invalid('its .modinfo is too large');
  const values = new Map<string, string>();
  const info = Buffer.from(section.buffer, section.byteOffset, section.length);
  for (let start = 0; start < info.length; ) {
    const end = info.indexOf(0, start);
    if (end === -1) throw invalid('a string in it has no end');
    for (const [key, longest] of Object.entries(KEYS)) {
      const from = start + key.length + 1;
      // The byte first: most of the thousands of entries are of other keys, and a string costs more.
      if (from > end || info[from - 1] !== 0x3d || info.toString('latin1', start, from - 1) !== key) continue;
      if (values.has(key)) throw invalid(`its .modinfo holds ${key} twice`);
      values.set(key, readPlain(info.subarray(from, end), key, longest));
    }
    start = end + 1;
  }
  const name = values.get('name');
  const vermagic = values.get('vermagic');
  if (name === undefined || vermagic === undefined) throw invalid('its .modinfo lacks name or vermagic');
  return { name, vermagic, livepatch: values.get('livepatch') };
}

/** These values are shown and compared, so they are short and plain ASCII. */
function readPlain(bytes: Buffer, key: string, longest: number): string {
  const value = bytes.toString('latin1', 0, longest + 1);
  if (value.length > longest || !/^[\x20-\x7e]*$/.test(value)) {
    throw invalid(`its .modinfo has a ${key} that is too long or not plain text`);
  }
  return value;
}

/** Throws when there is no end to it within the field that the kernel has for it. */
function readOwnName(thisModule: Uint8Array): string {
  const field = thisModule.subarray(NAME_OFFSET, NAME_OFFSET + NAME_SIZE);
  if (field.length < NAME_SIZE) throw invalid('its .gnu.linkonce.this_module is cut short');
  const end = field.indexOf(0);
  if (end === -1) throw invalid('a string in it has no end');
  return Buffer.from(field.subarray(0, end)).toString('latin1');
}

function invalid(why: string): LivepatchError {
  return new LivepatchError('module', `the module cannot be used: ${why}`);
}
