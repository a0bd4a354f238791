import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mode, ModeName } from '../types.ts';

/** What each mode lets us do. */
const MODES: Record<ModeName, { contact: boolean; apply: boolean }> = {
  normal: { contact: true, apply: true },
  'no-apply': { contact: true, apply: false },
  'no-refresh': { contact: false, apply: true },
  stop: { contact: false, apply: false },
};

/** The host's file, as seen from inside a snap too. */
const FILES = [
  'var/local/canonical_livepatch_mode',
  'var/lib/snapd/hostfs/var/local/canonical_livepatch_mode',
];

/**
 * The kill switch, on the kernel command line (`canonical_livepatch_mode=…`) or in a file. It is read before anything
 * else and needs nothing else to work. Where both are set, only what both allow is done; a word that is no mode stops
 * everything, for whoever wrote it meant to hold us back.
 */
export function readMode(root: string): Mode {
  const words = [
    { source: 'the kernel command line', word: fromCommandLine(root) },
    ...FILES.map((file) => ({ source: `/${file}`, word: read(root, file)?.trim() || undefined })),
  ];
  const set = words.flatMap(({ source, word }) =>
    word === undefined ? [] : { source, mode: MODES[modeName(word)] },
  );
  return {
    contact: set.every(({ mode }) => mode.contact),
    apply: set.every(({ mode }) => mode.apply),
    sources: set.map(({ source }) => source),
  };
}

function fromCommandLine(root: string): string | undefined {
  return /(?:^|\s)canonical_livepatch_mode=(\S*)/.exec(read(root, 'proc/cmdline') ?? '')?.[1];
}

function modeName(word: string): ModeName {
  return Object.hasOwn(MODES, word) ? (word as ModeName) : 'stop';
}

function read(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8').slice(0, 4096);
  } catch {
    return undefined;
  }
}
