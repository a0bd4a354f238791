import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const BUILD_ID = '.note.gnu.build-id';

/**
 * A compiled module, unsigned, as other compilers, linkers and builders of patches might have left it; by what is
 * unusual. The code is the same in all.
 *
 * @param directory for files on the way.
 */
export async function mutantsOf(module: Uint8Array, directory: string): Promise<Map<string, Buffer>> {
  const original = join(directory, 'original.ko');
  await writeFile(original, module);
  const section = async (name: string) => {
    const file = join(directory, 'section');
    await execa`objcopy --dump-section ${name}=${file} ${original} ${join(directory, 'unused.ko')}`;
    return readFile(file);
  };
  const content = async (name: string, bytes: Uint8Array) => {
    const file = join(directory, name);
    await writeFile(file, bytes);
    return file;
  };
  const note = await section(BUILD_ID);
  const modinfo = await section('.modinfo');
  const aliases = Array.from({ length: 5000 }, (_, index) => `alias=pci:v${index}d*sv*sd*bc*sc*i*\0`).join(
    '',
  );
  const symbols = Array.from(
    { length: 60_000 },
    (_, index) => `--add-symbol a_symbol_with_a_name_${index}=.text:0,local\n`,
  ).join('');
  const changes: Record<string, string[]> = {
    'no build id': ['--remove-section', BUILD_ID],
    'two build ids': [
      '--update-section',
      `${BUILD_ID}=${await content('notes', Buffer.concat([note, note]))}`,
    ],
    'sections on whole pages': ['.modinfo', BUILD_ID].flatMap((name) => [
      '--set-section-alignment',
      `${name}=4096`,
    ]),
    'sections on odd bytes': ['.modinfo', BUILD_ID, '.comment'].flatMap((name) => [
      '--set-section-alignment',
      `${name}=1`,
    ]),
    '60,000 symbols': [`@${await content('symbols', Buffer.from(symbols))}`],
    BTF: ['--add-section', `.BTF=${await content('btf', Buffer.alloc(2 ** 20, 0x9f))}`],
    '5,000 aliases': [
      '--update-section',
      `.modinfo=${await content('modinfo', Buffer.concat([Buffer.from(aliases), modinfo]))}`,
    ],
  };
  const mutants = new Map<string, Buffer>();
  for (const [what, words] of Object.entries(changes)) {
    const file = join(directory, 'mutant.ko');
    await execa('objcopy', [...words, original, file]);
    mutants.set(what, await readFile(file));
  }
  return mutants;
}
