import { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';

/** An oclif command that can be started without oclif's `Config`. */
export abstract class DirectCommand extends Command {
  start(): Promise<void> {
    return this._run();
  }
}

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
): Promise<void> {
  Class.id = id;
  await new Class(argv, bareConfig(version)).start();
}

/** All that oclif's `Command` asks of its `Config` on the way to `run`. */
function bareConfig(version: string): Config {
  const config: Pick<
    Config,
    'bin' | 'version' | 'userAgent' | 'topicSeparator' | 'scopedEnvVarKeys' | 'runHook'
  > = {
    bin: 'canonical-livepatch',
    version,
    userAgent: '',
    topicSeparator: ':',
    scopedEnvVarKeys: () => [],
    runHook: async () => ({ failures: [], successes: [] }),
  };
  return config as Config;
}
