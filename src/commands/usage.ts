import { LivepatchError } from '../errors.ts';

/** What a command takes, as oclif's classes declare it. */
export interface Declared {
  args: object;
  flags: Record<string, { type: string }>;
  id: string;
}

/**
 * `--debug=…`: oclif takes the switch and drops what follows, which was meant for something.
 * @throws Error that `usageError` makes a LivepatchError of.
 */
export function requireNoValues(argv: readonly string[], { flags }: Declared): void {
  const end = argv.indexOf('--');
  for (const word of argv.slice(0, end === -1 ? undefined : end)) {
    const [, name = ''] = /^--([^=]+)=/.exec(word) ?? [];
    if (Object.hasOwn(flags, name) && flags[name]?.type === 'boolean')
      throw new Error(`--${name} takes no value`);
  }
}

/**
 * The same mistake in words that repeat nothing of the command line but options that the command has: a token may stand
 * anywhere in it (`enable --token=…`, `disable …`), and what is on stderr ends in logs and tickets.
 * @param error what oclif's parser threw; it quotes words and values.
 */
export function usageError(
  error: unknown,
  argv: readonly string[],
  declared: Declared,
  bin = 'canonical-livepatch',
): unknown {
  if (!(error instanceof Error) || error instanceof LivepatchError) return error;
  return new LivepatchError('usage', messageFor(error, argv, declared), {
    hint: `See '${bin} ${declared.id} --help'.`,
  });
}

function messageFor(error: Error, argv: readonly string[], { args, flags, id }: Declared): string {
  const options = Object.keys(flags).map((name) => `--${name}`);
  if (hasWords(error, 'flags')) {
    const at = argv.findIndex((word) => error.flags.some((flag) => word.startsWith(flag)));
    const where = at === -1 ? '' : `, word ${at + 1} after ${id}`;
    return `Nonexistent flag${where}: ${id} has ${options.join(', ')} and --help`;
  }
  if (hasWords(error, 'args')) {
    const names = Object.keys(args).map((name) => name.toUpperCase());
    return `Unexpected argument: ${id} takes ${names.length === 0 ? 'none' : `only ${names.join(' ')}`}`;
  }
  const [message = ''] = error.message.split('\nSee more help', 1);
  const [, option = '', allowed = ''] =
    /^Expected (--[a-z-]+)=.* to be one of: ([a-z, -]+)$/s.exec(message) ?? [];
  if (options.includes(option)) return `Expected ${option} to be one of: ${allowed}`;
  return repeats(message, argv, options) ? 'The command line cannot be understood' : message;
}

function hasWords<Name extends string>(error: Error, name: Name): error is Error & Record<Name, string[]> {
  const value = (error as unknown as Record<string, unknown>)[name];
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}

/** Whether a text holds a word of the command line, or the value of an option in it, that is no known option. */
function repeats(text: string, argv: readonly string[], options: readonly string[]): boolean {
  const given = argv.flatMap((word) => [word, word.slice(word.indexOf('=') + 1)]);
  return given.some((word) => word !== '' && !options.includes(word) && text.includes(word));
}
