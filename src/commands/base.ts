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

  /** For commands that go on to read the configuration: what is wrong in it, said once. */
  protected async warnOfConfig(context: Pick<Context, 'store' | 'warn'>): Promise<void> {
    const { warnOfRisks } = await import('../operations/configure.ts');
    warnOfRisks(context, { willFail: true });
  }

  /** For what only root can do. @throws LivepatchError `no-permission` */
  protected rootContext(): Context {
    this.requireRoot();
    return this.context();
  }
}
