import { text } from 'node:stream/consumers';
import { Flags } from '@oclif/core';
import { LivepatchError } from '../errors.ts';
import { LivepatchCommand } from './base.ts';

export class Config extends LivepatchCommand {
  static override summary = 'Show or change the configuration';
  static override usage = 'config [KEY | KEY=VALUE...]';
  static override examples = [
    { description: 'show every key', command: '<%= config.bin %> config' },
    {
      description: 'set several keys at once, all or none',
      command: 'sudo <%= config.bin %> config remote-server=https://livepatch.example.com dial-timeout=20s',
    },
    {
      description: 'read a value from a file',
      command: 'sudo <%= config.bin %> config ca-certs=@stdin < ca.pem',
    },
    { description: 'put the default back', command: 'sudo <%= config.bin %> config dial-timeout=' },
  ];
  static override flags = {
    'from-snap': Flags.boolean({
      hidden: true,
      summary: 'take over what was set with snap set; for the configure hook',
    }),
  };
  static override strict = false;

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Config);
    if (flags['from-snap']) {
      const { configureFromSnap } = await import('../operations/configure.ts');
      return configureFromSnap(this.rootWorld());
    }
    const words = argv as string[];
    if (words.some((word) => word.includes('='))) return this.change(words);
    const texts = this.world().store.config.texts();
    const [key, ...more] = words;
    if (more.length > 0) throw new LivepatchError('usage', 'only one key can be shown at a time');
    const shown = Object.entries(texts).filter(([name]) => key === undefined || name === key);
    if (shown.length === 0) throw new LivepatchError('usage', `${key} is not a configuration key`);
    for (const [name, value] of shown)
      this.log(`${name}: ${value.includes('\n') ? JSON.stringify(value) : value}`);
  }

  private async change(words: string[]): Promise<void> {
    const world = this.rootWorld();
    const changes: Record<string, string> = {};
    for (const word of words) {
      const at = word.indexOf('=');
      if (at < 1) throw new LivepatchError('usage', `${word} is not of the form key=value`);
      const value = word.slice(at + 1);
      changes[word.slice(0, at)] = value === '@stdin' ? await text(process.stdin) : value;
    }
    const { configure } = await import('../operations/configure.ts');
    await configure(world, changes);
  }
}
