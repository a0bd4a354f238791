import { COMMANDS } from '../../src/commands/index.ts';

const loaded = Object.entries(COMMANDS).map(async ([word, load]) => [word, await load()] as const);

/** Every command's class; oclif reads this (package.json, `oclif.commands`) when there is no manifest yet. */
export const COMMAND_CLASSES = Object.fromEntries(await Promise.all(loaded));
