import type { CommandClass } from './direct.ts';

/** Every command, by the word a person types, and how to load it: a verb loads no other's code. */
export const COMMANDS: Record<string, () => Promise<CommandClass>> = {
  apply: async () => (await import('./apply.ts')).Apply,
  config: async () => (await import('./config.ts')).Config,
  disable: async () => (await import('./disable.ts')).Disable,
  doctor: async () => (await import('./doctor.ts')).Doctor,
  enable: async () => (await import('./enable.ts')).Enable,
  history: async () => (await import('./history.ts')).History,
  'kernel-upgrade-required': async () => (await import('./kernel-upgrade-required.ts')).KernelUpgradeRequired,
  refresh: async () => (await import('./refresh.ts')).Refresh,
  revert: async () => (await import('./revert.ts')).Revert,
  status: async () => (await import('./status.ts')).Status,
  verify: async () => (await import('./verify.ts')).Verify,
};
