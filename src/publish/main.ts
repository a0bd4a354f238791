import { join } from 'node:path';
import type { Interfaces } from '@oclif/core';
import packageJson from '../../package.json' with { type: 'json' };
import { EXIT_STATUS, LivepatchError, messageOf } from '../errors.ts';
import { keepMemoryOutOfCoreFiles } from '../kernel/core-dumps.ts';
import { COMMANDS } from './commands/index.ts';
import { PACKAGE } from './package.ts';

/** Runs the command of livepatch-publish that argv names. Errors are two lines on stderr and an exit status. */
export async function main(argv: string[]): Promise<void> {
  // There may be a private key in it.
  keepMemoryOutOfCoreFiles();
  process.on('uncaughtException', (error) => process.exit(report(error)));
  try {
    await dispatch(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

async function dispatch(argv: string[]): Promise<void> {
  const [word, ...rest] = argv;
  if (word === '--version') {
    process.stdout.write(`${PACKAGE.oclif.bin} version ${packageJson.version}\n`);
    return;
  }
  const load = word !== undefined && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (word !== undefined && load !== undefined && !rest.includes('--help')) {
    const { runDirectly } = await import('../commands/direct.ts');
    await runDirectly(await load(), word, rest, packageJson.version, PACKAGE.oclif.bin);
    return;
  }
  const { run } = await import('@oclif/core/run');
  // The build puts oclif.manifest.json beside this bundle, which is a folder below the other's.
  await run(word === 'help' ? [...rest, '--help'] : argv, {
    root: join(import.meta.dirname),
    pjson: PACKAGE as unknown as Interfaces.PJSON,
    userPlugins: false,
    devPlugins: false,
  });
}

function report(error: unknown): number {
  const exit =
    error instanceof Error && 'oclif' in error ? (error.oclif as { exit?: number }).exit : undefined;
  // oclif's way to say "this was all right, stop here", as help does.
  if (exit === 0) return 0;
  const failure = error instanceof LivepatchError ? error : undefined;
  const lines = [messageOf(error), failure?.hint].filter((line) => line !== undefined);
  process.stderr.write(`${lines.join('\n')}\n`);
  if (failure !== undefined) return failure.exitStatus;
  return exit === undefined ? EXIT_STATUS.general : EXIT_STATUS.usage;
}
