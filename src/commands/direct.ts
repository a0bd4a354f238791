import { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import * as Flags from '@oclif/core/flags';
import type { Input, ParserOutput } from '@oclif/core/interfaces';
import { LivepatchError } from '../errors.ts';
import { fitToTerminal } from '../report/terminal.ts';
import { type Declared, requireNoValues, usageError } from './usage.ts';

/**
 * An oclif command that can be started without oclif's `Config`, and that need not load the whole context: enough for
 * those that only tell what is known. A command parses, calls one operation, prints.
 */
export abstract class DirectCommand extends Command {
  static override baseFlags = {
    debug: Flags.boolean({ helpGroup: 'GLOBAL', summary: 'after an error, also tell what caused it' }),
  };

  start(): Promise<void> {
    return this._run();
  }

  /** @throws LivepatchError `usage` that repeats nothing which may be a secret. */
  protected override async parse<F extends Output, B extends Output, A extends Output>(
    options?: Input<F, B, A>,
    argv = this.argv,
  ): Promise<ParserOutput<F, B, A>> {
    const declared = this.declared();
    try {
      requireNoValues(argv, declared);
      return await super.parse(options, argv);
    } catch (error) {
      throw usageError(error, argv, declared, this.config.bin);
    }
  }

  private declared(): Declared {
    const { args, baseFlags, flags } = this.ctor;
    return { args, flags: { ...flags, ...baseFlags }, id: this.id ?? '' };
  }

  /** To stdout, as fits whatever stands there. Not by oclif's `log`, which loads spinners and colours for it. */
  protected print(text: string): void {
    const { env, stdout } = process;
    stdout.write(`${fitToTerminal(text, { isTerminal: stdout.isTTY === true, env })}\n`);
  }

  /** @throws LivepatchError `no-permission` */
  protected requireRoot(): void {
    if (process.getuid?.() === 0) return;
    throw new LivepatchError('no-permission', 'This command must be run as root.', {
      hint: `Run 'sudo canonical-livepatch ${this.id}'.`,
    });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: oclif's own FlagOutput and ArgOutput, which it does not export.
type Output = Record<string, any>;

/** The class of a command that can be run: no abstract one. */
export type CommandClass = { id: string } & (new (argv: string[], config: Config) => DirectCommand);

/**
 * Parses the words and runs, as oclif's own `run` does but for oclif's `Config`: that looks for plugins, hooks, themes
 * and topics, of which there are none. Of it a command here has its `bin` and `version`.
 * @param id the word that named the command.
 */
export async function runDirectly(
  Class: CommandClass,
  id: string,
  argv: string[],
  version: string,
  bin = 'canonical-livepatch',
): Promise<void> {
  Class.id = id;
  await new Class(argv, bareConfig(bin, version)).start();
}

/** All that oclif's `Command` asks of its `Config` on the way to `run`. */
function bareConfig(bin: string, version: string): Config {
  const config: Pick<
    Config,
    'bin' | 'version' | 'userAgent' | 'topicSeparator' | 'scopedEnvVarKeys' | 'runHook'
  > = {
    bin,
    version,
    userAgent: '',
    topicSeparator: ':',
    scopedEnvVarKeys: () => [],
    runHook: async () => ({ failures: [], successes: [] }),
  };
  return config as Config;
}
