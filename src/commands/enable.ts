import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { reporter, warn } from '../context.ts';
import { LivepatchError, withHint } from '../errors.ts';
import { resultSentence } from '../report/result.ts';
import { Secret } from '../secret.ts';
import { LivepatchCommand } from './base.ts';
import { readTokenFromStdin } from './stdin.ts';

export class Enable extends LivepatchCommand {
  static override summary = 'Register this machine and apply what is due';
  static override examples = [
    'sudo <%= config.bin %> enable 0123456789abcdef',
    {
      description: "keep the token out of the shell's history and of ps",
      command: 'sudo <%= config.bin %> enable - < token-file',
    },
  ];
  static override args = {
    token: Args.string({
      description: "the token, or '-' to read it from standard input; a catalogue needs none",
    }),
  };
  static override flags = {
    'show-secrets': Flags.boolean({ summary: 'print the machine token unmasked' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Enable);
    const context = this.rootContext();
    const token = await authToken(args.token);
    const { enable } = await import('../operations/enable.ts');
    await this.warnOfConfig(context);
    const { machineToken, first } = await enable(context, token);
    this.print(
      `Successfully enabled device. Using machine-token: ${flags['show-secrets'] ? machineToken.reveal() : machineToken}`,
    );
    // The machine is enabled, and the next refresh tries again: no failure of this command.
    if (first instanceof LivepatchError) warn(withHint(first));
    else reporter.log('notice', resultSentence(first));
  }
}

/**
 * @throws LivepatchError `usage` for what could not be sent in a header, and for an option that this command does not
 * have: what looks like a negative number, or gives a switch a value, oclif takes for an argument.
 */
async function authToken(word: string | undefined): Promise<Secret | undefined> {
  if (word === undefined) return undefined;
  const text = word === '-' ? await readTokenFromStdin() : word;
  if (word.startsWith('-') && word !== '-') {
    throw new LivepatchError('usage', 'a token on the command line cannot begin with a dash', {
      hint: "If it does, give it on standard input: 'canonical-livepatch enable - < token-file'.",
    });
  }
  if (/^[\x21-\x7e]{8,1024}$/.test(text)) return new Secret(text);
  throw new LivepatchError('usage', 'the token must be 8 to 1024 printable characters without spaces', {
    hint: 'Obtain one from https://ubuntu.com/livepatch, or from the administrators of your Livepatch server.',
  });
}
