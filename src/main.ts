import { run } from '@oclif/core/run';
import manifest from '../package.json' with { type: 'json' };
import { keepMemoryOutOfCoreFiles } from './core-file.ts';
import { EXIT_STATUS, LivepatchError, messageOf } from './errors.ts';
import { logLevel, voice } from './real-world.ts';

/**
 * Runs the command that argv names. Errors are two lines on stderr, what happened and what to do next, and an exit
 * status of errors.ts; never a stack trace.
 */
export async function main(argv: string[], root: string): Promise<void> {
  keepMemoryOutOfCoreFiles();
  // Where no promise is there to carry it: stdout on a full disk, say. A pipe that was closed is no error of ours.
  process.on('uncaughtException', (error) => process.exit(report(error)));
  try {
    if (argv[0] === '--version') process.stdout.write(`canonical-livepatch version ${manifest.version}\n`);
    else
      await run(argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv, {
        root,
        userPlugins: false,
        devPlugins: false,
      });
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // oclif's way to say "this was all right, stop here", as help does.
  if (isOclif(error) && error.oclif.exit === 0) return 0;
  const failure = error instanceof LivepatchError ? error : undefined;
  const lines = [messageOf(error), failure?.hint, ...(wantsCauses() ? causesOf(error) : [])];
  voice.log('error', lines.filter((line) => line !== undefined && line !== '').join('\n'));
  if (failure !== undefined) return failure.exitStatus;
  return isOclif(error) ? EXIT_STATUS.usage : EXIT_STATUS.general;
}

/** With `--debug`, or the log-level of that name. */
function wantsCauses(): boolean {
  return process.argv.includes('--debug') || logLevel() === 'debug';
}

/** What caused an error, and what caused that: the messages only, in print, and without a proxy's password. */
function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let one = error; one instanceof Error && one.cause !== undefined; one = one.cause) {
    const said = messageOf(one.cause)
      .replaceAll(/\p{Cc}+/gu, ' ')
      .replaceAll(/\/\/[^\s/@]*@/g, '//***@');
    causes.push(`caused by: ${said}`);
  }
  return causes;
}

function isOclif(error: unknown): error is { oclif: { exit?: number } } {
  return (
    error instanceof Error && 'oclif' in error && typeof error.oclif === 'object' && error.oclif !== null
  );
}
