import { LivepatchCommand } from './base.ts';

export class Revert extends LivepatchCommand {
  static override summary = 'Take the live patch out of the running kernel, without a reboot';
  static override description =
    'The machine stays enabled. The version that was taken out is not applied again; a newer one is, and so is this one after refresh --retry-blocked.';
  static override examples = ['sudo <%= config.bin %> revert'];

  async run(): Promise<void> {
    await this.parse(Revert);
    const { revert } = await import('../operations/revert.ts');
    this.print(`reverted: patch ${await revert(this.rootContext())}`);
  }
}
