import type { World } from '../operations/context.ts';
import { realWorld, voice } from '../context.ts';
import { DirectCommand } from './direct.ts';

/** What most commands share: the world that they work on. */
export abstract class LivepatchCommand extends DirectCommand {
  protected override print(text: string): void {
    voice.end();
    super.print(text);
  }

  protected world(): World {
    return realWorld(this.config.version);
  }

  /** For what only root can do. @throws LivepatchError `no-permission` */
  protected rootWorld(): World {
    this.requireRoot();
    return this.world();
  }
}
