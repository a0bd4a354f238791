import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/commands/index.ts';
import { COMMANDS as PUBLISH } from '../src/publish/commands/index.ts';
import { PLUGS } from '../src/snapd/plugs.ts';
import { CONFIG_KEYS } from '../src/store/config-keys.ts';

/** What the source tells people to run has to exist: a hint that ends in "no such option" is worse than none. */

const src = join(import.meta.dirname, '../src');
const texts = globSync('**/*.ts', { cwd: src }).map((file) => ({
  file,
  // Without comments, and with strings that were broken over lines put together.
  text: readFileSync(join(src, file), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/['"`] \+\s*['"`]/g, ''),
}));

/** Each match once, with the file it is in. */
function found(pattern: RegExp): [file: string, ...groups: string[]][] {
  const all = texts.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].map(([, ...groups]): [string, ...string[]] => [file, ...groups]),
  );
  return [...new Map(all.map((one) => [one.slice(1).join(' '), one])).values()];
}

type Commands = Record<string, () => Promise<{ flags?: object; baseFlags?: object }>>;
const PROGRAMS: Record<string, Commands> = {
  'canonical-livepatch': COMMANDS as unknown as Commands,
  'livepatch-publish': PUBLISH as unknown as Commands,
};

async function flagsOf(program: string, verb: string): Promise<string[]> {
  const command = await PROGRAMS[program]?.[verb]?.();
  return ['help', ...Object.keys({ ...command?.baseFlags, ...command?.flags })];
}

const QUOTED = found(/'(?:sudo )?(canonical-livepatch|livepatch-publish) ([a-z][^'`\n]*?)'/g);

describe('commands of ours that the source names', () => {
  it('are found', () => {
    expect(QUOTED.length).toBeGreaterThan(15);
  });

  it.each(QUOTED)('exist: %s: %s %s', async (_, program = '', line = '') => {
    // Where an id is put in, it is the command's own.
    const [verb = '', ...words] = line.split(/\s+/);
    expect(Object.keys(PROGRAMS[program] ?? {})).toContain(verb);
    const flags = await flagsOf(program, verb);
    for (const word of words) {
      const flag = /^--([a-z-]+)/.exec(word)?.[1];
      if (flag !== undefined) expect(flags).toContain(flag);
      const key = /^([a-z-]+)=/.exec(word)?.[1];
      if (verb === 'config' && key !== undefined) expect(Object.keys(CONFIG_KEYS)).toContain(key);
    }
  });

  const verbs = Object.keys(COMMANDS).join('|');
  it.each(found(new RegExp(`\\b(${verbs}) --([a-z][a-z-]+)`, 'g')))(
    'have these options: %s: %s --%s',
    async (file, verb = '', flag = '') => {
      const program = file.startsWith('publish') ? 'livepatch-publish' : 'canonical-livepatch';
      expect(await flagsOf(program, verb)).toContain(flag);
    },
  );

  it.each(found(/canonical-livepatch:([a-z-]+)/g))('connect a plug that there is: %s: %s', (_, plug) => {
    expect(PLUGS).toContain(plug);
  });

  it.each(found(/'([a-z]+(?:-[a-z]+)+)='|\b[Ss]et '([a-z-]+)'/g))(
    'set keys that there are: %s: %s%s',
    (_, one, other) => {
      expect(Object.keys(CONFIG_KEYS)).toContain(one ?? other);
    },
  );
});
