import type { CommandClass } from './commands/direct.ts';

/** Every command, by the word a person types, and how to load it: a verb loads no other's code. */
export const COMMANDS: Record<string, () => Promise<CommandClass>> = {
  config: async () => (await import('./commands/config.ts')).Config,
  disable: async () => (await import('./commands/disable.ts')).Disable,
  doctor: async () => (await import('./commands/doctor.ts')).Doctor,
  enable: async () => (await import('./commands/enable.ts')).Enable,
  history: async () => (await import('./commands/history.ts')).History,
  'kernel-upgrade-required': async () =>
    (await import('./commands/kernel-upgrade-required.ts')).KernelUpgradeRequired,
  refresh: async () => (await import('./commands/refresh.ts')).Refresh,
  revert: async () => (await import('./commands/revert.ts')).Revert,
  status: async () => (await import('./commands/status.ts')).Status,
  verify: async () => (await import('./commands/verify.ts')).Verify,
};
