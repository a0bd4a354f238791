import * as Flags from '@oclif/core/flags';
import { LivepatchError } from '../errors.ts';
import { renderSettings } from '../report/settings.ts';
import { LivepatchCommand } from './base.ts';
import { allOfStdin } from './stdin.ts';

export class Config extends LivepatchCommand {
  static override summary = 'Show or change the configuration';
  static override usage = ['config [KEY] [--format humane|json|yaml]', 'config KEY=VALUE...'];
  static override description =
    `Several keys are set at once or not at all. KEY= puts the default back, KEY=@stdin reads the value.

Changing remote-server on an enabled machine asks the new server first, and changes nothing when it does not answer; ca-certs can be set in the same call.`;
  static override examples = [
    { description: 'show every key', command: 'sudo <%= config.bin %> config' },
    { description: 'show one', command: 'sudo <%= config.bin %> config check-interval' },
    {
      description: 'set several keys at once, all or none',
      command: 'sudo <%= config.bin %> config remote-server=https://livepatch.example.com dial-timeout=20s',
    },
    {
      description: 'read a value from a file',
      command: 'sudo <%= config.bin %> config ca-certs=@stdin < ca.pem',
    },
    { description: 'put the default back', command: 'sudo <%= config.bin %> config dial-timeout=' },
    { description: 'turn automatic checks off', command: 'sudo <%= config.bin %> config check-interval=0' },
  ];
  static override strict = false;
  static override flags = {
    format: Flags.option({ options: ['humane', 'json', 'yaml'] as const, summary: 'how to show' })(),
    'from-snap': Flags.boolean({
      hidden: true,
      summary: 'take over what was set with snap set; for the configure hook',
    }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Config);
    if (flags['from-snap']) {
      const { configureFromSnap } = await import('../operations/configure.ts');
      return configureFromSnap(this.rootContext());
    }
    const words = argv as string[];
    if (!words.some((word) => word.includes('='))) return await this.show(words, flags.format ?? 'humane');
    if (flags.format !== undefined)
      throw new LivepatchError('usage', '--format is for showing, not for setting');
    const changes = await changesIn(words);
    const { configure } = await import('../operations/configure.ts');
    await configure(this.rootContext(), changes);
  }

  private async show([key, ...more]: string[], format: 'humane' | 'json' | 'yaml'): Promise<void> {
    if (more.length > 0) throw new LivepatchError('usage', 'only one key can be shown at a time');
    const context = this.context();
    const all: Record<string, string> = context.store.config.texts();
    const shown = Object.entries(all).filter(([name]) => key === undefined || name === key);
    if (shown.length === 0) throw new LivepatchError('usage', `${nameOf(key)} is not a configuration key`);
    this.print(renderSettings(Object.fromEntries(shown), format));
    const { warnOfRisks } = await import('../operations/configure.ts');
    warnOfRisks(context);
  }
}

async function changesIn(words: string[]): Promise<Record<string, string>> {
  const changes: [key: string, value: string][] = [];
  if (words.filter((word) => word.endsWith('=@stdin')).length > 1) {
    throw new LivepatchError('usage', 'only one value can come from standard input');
  }
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new LivepatchError('usage', `${nameOf(word)} is not of the form key=value`);
    const value = word.slice(at + 1);
    changes.push([word.slice(0, at), value === '@stdin' ? await allOfStdin() : value]);
  }
  // Unlike an assignment, this makes a key of `__proto__`, too.
  return Object.fromEntries(changes);
}

/** Anything that does not look like a key may be a value that lost its key, with a password in it. */
function nameOf(word = ''): string {
  return /^[a-z][a-z-]{0,39}$/.test(word) ? word : 'one of the words';
}
