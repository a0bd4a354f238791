import type { CommandClass } from '../../commands/direct.ts';

/** Every command of livepatch-publish, by the word a person types, and how to load it. */
export const COMMANDS: Record<string, () => Promise<CommandClass>> = {
  pack: async () => (await import('./pack.ts')).Pack,
};
