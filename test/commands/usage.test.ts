import { describe, expect, it, vi } from 'vitest';
import { runDirectly } from '../../src/commands/direct.ts';
import { COMMANDS } from '../../src/commands/index.ts';
import { LivepatchError } from '../../src/errors.ts';
import { main } from '../../src/main.ts';

/** Some of these words are a token or a file to their command, as far as oclif knows; nothing is done with them here. */
vi.mock('../../src/context.ts', async (original) => ({
  ...(await original<typeof import('../../src/context.ts')>()),
  realContext: () => only({ store: only({ config: only({ texts: () => ({ tier: 'edge' }) }) }) }),
}));

/** Ends whatever would do more than this. */
function only<T extends object>(what: T): T {
  return new Proxy(what, {
    get(target, name) {
      if (name in target) return target[name as keyof T];
      throw new LivepatchError('usage', `would use ${String(name)}`);
    },
  });
}

const TOKEN = '9f8e456789abcdef0123456789abcdef';
const verbs = Object.keys(COMMANDS);

/** What a command line fails with. */
async function failure(verb: string, words: string[]): Promise<LivepatchError> {
  const load = COMMANDS[verb] as (typeof COMMANDS)[string];
  try {
    await runDirectly(await load(), verb, words, '0.0.0');
  } catch (error) {
    if (error instanceof LivepatchError) return error;
    throw error;
  }
  throw new Error(`it did not fail: ${verb} ${words.join(' ')}`);
}

/** Everything of an error that could reach a person or a log. */
const allOf = (error: Error) => `${error.stack} ${JSON.stringify(error)} ${(error.cause as Error)?.stack}`;

/** Where people put a token by mistake. */
const MISTAKES: string[][] = [
  [`--token=${TOKEN}`],
  [`--token`, TOKEN],
  [`--${TOKEN}`],
  [`-${TOKEN}`],
  [`-t${TOKEN}`],
  [`--format=${TOKEN}`],
  ['--format', TOKEN],
  [`--debug=${TOKEN}`],
  ['--debug', '--nope', TOKEN],
  [TOKEN, TOKEN, '--nope'],
];

describe.each(verbs.filter((verb) => verb !== 'kernel-upgrade-required'))('%s', (verb) => {
  it.each(MISTAKES)('does not repeat what may be a token: %s %s %s', async (...words) => {
    const error = await failure(
      verb,
      words.filter((word) => word !== undefined),
    );
    expect(allOf(error)).not.toContain(TOKEN.slice(0, 8));
    expect(error).toMatchObject({ code: 'usage', exitStatus: 64 });
  });
});

it.each([
  [
    'enable',
    ['--token=x', 'y'],
    'Nonexistent flag, word 1 after enable: enable has --show-secrets, --debug and --help',
  ],
  [
    'enable',
    ['x', '--nope'],
    'Nonexistent flag, word 2 after enable: enable has --show-secrets, --debug and --help',
  ],
  ['enable', ['x', 'y'], 'Unexpected argument: enable takes only TOKEN'],
  ['enable', ['--debug=x'], '--debug takes no value'],
  ['enable', [`-9${TOKEN}`], 'a token on the command line cannot begin with a dash'],
  ['disable', ['x'], 'Unexpected argument: disable takes none'],
  ['status', ['--format', 'xml'], 'Expected --format to be one of: humane, json, yaml, prometheus'],
  ['status', ['--format'], 'Flag --format expects one of these values: humane, json, yaml, prometheus'],
  ['status', ['--format=json', '--format=json'], 'Flag --format can only be specified once'],
  ['config', ['http://u:opensesame@proxy'], 'one of the words is not a configuration key'],
  ['config', ['no-such-key'], 'no-such-key is not a configuration key'],
  ['config', ['=opensesame'], 'one of the words is not of the form key=value'],
  ['config', ['tier=edge', 'opensesame!'], 'one of the words is not of the form key=value'],
])('%s %j fails in words that help', async (verb, words, message) => {
  const error = await failure(verb, words);
  expect(error.message).toBe(message);
  expect(error.hint ?? '').not.toContain('opensesame');
});

it('names what is missing', async () => {
  const { message } = await failure('verify', []);
  expect(message).toMatch(/^Missing 1 required arg:\n ?files /);
});

it.each([[TOKEN], [`--token=${TOKEN}`, 'enable'], ['help', TOKEN], ['--help', TOKEN], ['constructor']])(
  'without a command, %s %s is not repeated either',
  async (...argv) => {
    const written: string[] = [];
    const { write } = process.stderr;
    process.stderr.write = ((text: string) => written.push(text) > 0) as typeof write;
    try {
      await main(argv.filter((word) => word !== undefined));
      expect(process.exitCode).toBe(64);
    } finally {
      process.stderr.write = write;
      process.exitCode = 0;
    }
    expect(written.join('')).toContain('There is no such command.');
    expect(written.join('')).not.toContain(TOKEN.slice(0, 8));
  },
);
