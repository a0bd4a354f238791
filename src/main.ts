import type { Interfaces } from '@oclif/core';
import packageJson from '../package.json' with { type: 'json' };
import { COMMANDS } from './commands/index.ts';
import { EXIT_STATUS, LivepatchError, messageOf } from './errors.ts';
import { keepMemoryOutOfCoreFiles } from './kernel/core-dumps.ts';

/**
 * Runs the command that argv names. Errors are two lines on stderr, what happened and what to do next, and an exit
 * status of errors.ts; never a stack trace.
 */
export async function main(argv: string[]): Promise<void> {
  keepMemoryOutOfCoreFiles();
  // Where no promise is there to carry it: stdout on a full disk, say. A pipe that was closed is no error of ours.
  process.on('uncaughtException', async (error) => process.exit(await report(error)));
  try {
    await dispatch(argv);
  } catch (error) {
    process.exitCode = await report(error);
  }
}

/**
 * A command goes straight to its oclif class. To load oclif's `Config` and its help takes longer than all that `status`
 * does, so that is left to who asks for help or mistypes.
 */
async function dispatch(argv: string[]): Promise<void> {
  const [word, ...rest] = argv;
  if (word === '--version') {
    process.stdout.write(`canonical-livepatch version ${packageJson.version}\n`);
    return;
  }
  const load = word !== undefined && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (word !== undefined && load !== undefined && !asksForHelp(rest)) {
    const { runDirectly } = await import('./commands/direct.ts');
    await runDirectly(await load(), word, rest, packageJson.version);
  } else {
    requireKnown(word === 'help' || word === '--help' ? rest[0] : word);
    const { run } = await import('@oclif/core/run');
    // The build puts oclif.manifest.json beside the bundle.
    const options = {
      root: import.meta.dirname,
      pjson: packageJson as unknown as Interfaces.PJSON,
      userPlugins: false,
      devPlugins: false,
    };
    await run(word === 'help' ? [...rest, '--help'] : argv, options);
  }
}

/** Before oclif says that there is no such command: it would repeat the word, and that may be a token. */
function requireKnown(word: string | undefined): void {
  if (word === undefined || word === '--help' || Object.hasOwn(COMMANDS, word)) return;
  throw new LivepatchError('usage', 'There is no such command.', {
    hint: `Commands: ${Object.keys(COMMANDS).join(', ')}. See 'canonical-livepatch --help'.`,
  });
}

/** As oclif itself decides it: what follows `--` is the command's. */
function asksForHelp(words: string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--help');
}

/**
 * Says what went wrong; gives the exit status. When what is to say it cannot be loaded, as of a bundle that is not whole,
 * the message alone is printed: an error that was thrown from here would be reported here again, for ever.
 */
async function report(error: unknown): Promise<number> {
  try {
    return await explain(error);
  } catch {
    process.stderr.write(`${messageOf(error)}\n`);
    return EXIT_STATUS.general;
  }
}

async function explain(error: unknown): Promise<number> {
  // oclif's way to say "this was all right, stop here", as help does.
  if (isOclif(error) && error.oclif.exit === 0) return 0;
  // What speaks by the configuration is loaded when there is something to say.
  const { logLevel, reporter, withoutToken } = await import('./context.ts');
  const wantsCauses = process.argv.includes('--debug') || logLevel() === 'debug';
  const failure = error instanceof LivepatchError ? error : undefined;
  const lines = [messageOf(error), failure?.hint, ...(wantsCauses ? causesOf(error) : [])];
  reporter.log('error', withoutToken(lines.filter((line) => line !== undefined && line !== '').join('\n')));
  if (failure !== undefined) return failure.exitStatus;
  return isOclif(error) ? EXIT_STATUS.usage : EXIT_STATUS.general;
}

/** What caused an error, and what caused that: the messages only, in print, and without a proxy's password. */
function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let one = error; one instanceof Error && one.cause instanceof Error; one = one.cause) {
    const said = one.cause.message.replaceAll(/\p{Cc}+/gu, ' ').replaceAll(/\/\/[^\s/@]*@/g, '//***@');
    causes.push(`caused by: ${said}`);
  }
  return causes;
}

function isOclif(error: unknown): error is { oclif: { exit?: number } } {
  return (
    error instanceof Error && 'oclif' in error && typeof error.oclif === 'object' && error.oclif !== null
  );
}
