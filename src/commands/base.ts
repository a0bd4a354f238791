import { LivepatchError } from '../errors.ts';
import type { World } from '../operations/world.ts';
import { realWorld } from '../real-world.ts';
import { DirectCommand } from './direct.ts';

/** What most commands share: the world they work on. A command parses, calls one operation, prints. */
export abstract class LivepatchCommand extends DirectCommand {
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
