import { Flags } from '@oclif/core';
import { Command } from '@oclif/core/command';
import { LivepatchError } from '../errors.ts';
import type { World } from '../operations/world.ts';
import { realWorld, voice } from '../real-world.ts';
import { fitted } from '../report/marks.ts';

/** What every command shares: the world it works on. A command parses, calls one operation, prints. */
export abstract class LivepatchCommand extends Command {
  static override baseFlags = {
    debug: Flags.boolean({ helpGroup: 'GLOBAL', summary: 'after an error, also tell what caused it' }),
  };

  /** To stdout, as fits whatever stands there. */
  protected print(text: string): void {
    voice.end();
    this.log('%s', fitted(text, { isTerminal: process.stdout.isTTY === true, env: process.env }));
  }

  protected world(): World {
    return realWorld(this.config.version);
  }

  /** For what only root can do. @throws LivepatchError `no-permission` */
  protected rootWorld(): World {
    if (process.getuid?.() !== 0) {
      throw new LivepatchError('no-permission', 'This command must be run as root.', {
        hint: `Run 'sudo canonical-livepatch ${this.id}'.`,
      });
    }
    return this.world();
  }
}
