import { join } from 'node:path';
import { run } from '@oclif/core/run';
import { describe, expect, it } from 'vitest';
import { runDirectly } from '../../src/commands/direct.ts';
import { COMMANDS } from '../../src/commands/index.ts';

const root = join(import.meta.dirname, '../..');

/** What a command line fails with: its text and oclif's exit status. */
async function failure(running: Promise<unknown>): Promise<{ message: string; exit: unknown }> {
  try {
    await running;
  } catch (error) {
    return { message: (error as Error).message, exit: (error as { oclif?: { exit?: number } }).oclif?.exit };
  }
  throw new Error('it did not fail');
}

describe('a command run without the Config of oclif', () => {
  it.each([
    ['status', '--nope'],
    ['status', 'word'],
    ['status', '--format'],
    ['status', '--format', 'xml'],
    ['status', '--format=json', '--format=json'],
    ['status', '--verbose=yes'],
    ['refresh', '-x'],
    ['refresh', '--', '--boot'],
    ['enable'],
    ['enable', 'token', 'word'],
    ['revert', '--unpatch'],
    ['config', 'no-such-key'],
  ])('fails on %s %s %s as oclif does', async (word, ...words) => {
    const load = COMMANDS[word as string] as (typeof COMMANDS)[string];

    const direct = await failure(runDirectly(await load(), word as string, words, '0.0.0'));

    expect(direct).toEqual(await failure(run([word, ...words], { root })));
  });
});
