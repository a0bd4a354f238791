import { Config } from './commands/config.ts';
import { Disable } from './commands/disable.ts';
import { Doctor } from './commands/doctor.ts';
import { Enable } from './commands/enable.ts';
import { History } from './commands/history.ts';
import { KernelUpgradeRequired } from './commands/kernel-upgrade-required.ts';
import { Refresh } from './commands/refresh.ts';
import { Revert } from './commands/revert.ts';
import { Status } from './commands/status.ts';
import { Verify } from './commands/verify.ts';

/** Every command, by the word a person types; oclif reads this (package.json, `oclif.commands`). */
export const COMMANDS = {
  config: Config,
  disable: Disable,
  doctor: Doctor,
  enable: Enable,
  history: History,
  'kernel-upgrade-required': KernelUpgradeRequired,
  refresh: Refresh,
  revert: Revert,
  status: Status,
  verify: Verify,
};
