import { COMMANDS } from '../../src/publish/commands/index.ts';

const loaded = Object.entries(COMMANDS).map(async ([word, load]) => [word, await load()] as const);

/** Every command's class; oclif reads this (src/publish/package.ts) when there is no manifest yet. */
export const COMMAND_CLASSES = Object.fromEntries(await Promise.all(loaded));
