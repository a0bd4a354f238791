import { realContext, reporter } from '../context.ts';
import type { Context } from '../operations/context.ts';
import { DirectCommand } from './direct.ts';

/** What most commands share: the context that they work on. */
export abstract class LivepatchCommand extends DirectCommand {
  protected override print(text: string): void {
    reporter.end();
    super.print(text);
  }

  protected context(): Context {
    return realContext(this.config.version);
  }

  /** For what only root can do. @throws LivepatchError `no-permission` */
  protected rootContext(): Context {
    this.requireRoot();
    return this.context();
  }
}
