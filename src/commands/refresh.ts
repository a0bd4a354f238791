import type { Outcome } from '../operations/update.ts';
import { LivepatchCommand } from './base.ts';
import { outcomeSentence } from './outcome.ts';

export class Refresh extends LivepatchCommand {
  static override summary = 'Check now, and apply what is due';
  static override examples = ['sudo <%= config.bin %> refresh'];

  async run(): Promise<void> {
    await this.parse(Refresh);
    const { refresh } = await import('../operations/refresh.ts');
    const outcome: Outcome = await refresh(this.rootWorld());
    this.log(outcomeSentence(outcome));
  }
}
