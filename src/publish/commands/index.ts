import type { CommandClass } from '../../commands/direct.ts';

/** Every command of livepatch-publish, by the word a person types, and how to load it. */
export const COMMANDS: Record<string, () => Promise<CommandClass>> = {
  pack: async () => (await import('./pack.ts')).Pack,
  init: async () => (await import('./init.ts')).Init,
  add: async () => (await import('./add.ts')).Add,
  withdraw: async () => (await import('./withdraw.ts')).Withdraw,
  phase: async () => (await import('./phase.ts')).Phase,
  kernel: async () => (await import('./kernel.ts')).Kernel,
  revoke: async () => (await import('./revoke.ts')).Revoke,
  renew: async () => (await import('./renew.ts')).Renew,
  list: async () => (await import('./list.ts')).List,
  check: async () => (await import('./check.ts')).Check,
};
