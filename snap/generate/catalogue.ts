import { COMMAND_CLASSES } from '../build/command-classes.ts';

/** What a command says of itself, in plain words: what manual pages and completions are made of. */
export interface Entry {
  name: string;
  summary: string;
  description: string;
  usage: string[];
  args: { name: string; description: string; required: boolean }[];
  flags: { name: string; summary: string; options: readonly string[] }[];
  examples: { description: string; command: string }[];
}

/** Of oclif's command classes, the part that is read here. */
interface CommandClass {
  summary?: string;
  description?: string;
  usage?: string | string[];
  args?: Record<string, { description?: string; required?: boolean }>;
  flags?: Record<string, { summary?: string; options?: readonly string[]; hidden?: boolean }>;
  baseFlags?: Record<string, { summary?: string }>;
  examples?: (string | { description: string; command: string })[];
}

export const BIN = 'canonical-livepatch';

/** @param classes the commands of a program, by the word a person types. */
export function catalogue(classes: object = COMMAND_CLASSES, bin = BIN): Entry[] {
  return Object.entries(classes as Record<string, CommandClass>).map(([name, command]) => {
    const args = Object.entries(command.args ?? {}).map(([arg, { description = '', required = false }]) => ({
      name: arg,
      description,
      required,
    }));
    const flags = Object.entries({ ...command.flags, ...command.baseFlags } as NonNullable<
      CommandClass['flags']
    >)
      .filter(([, { hidden }]) => hidden !== true)
      .map(([flag, { options = [], summary = '' }]) => ({ name: flag, summary, options }));
    return {
      name,
      summary: command.summary ?? '',
      description: command.description ?? '',
      usage: usageOf(name, command, args, flags),
      args,
      flags,
      examples: (command.examples ?? []).map((example) =>
        typeof example === 'string'
          ? { description: '', command: filled(example, bin) }
          : { ...example, command: filled(example.command, bin) },
      ),
    };
  });
}

function usageOf(
  name: string,
  { usage }: CommandClass,
  args: Entry['args'],
  flags: Entry['flags'],
): string[] {
  if (usage !== undefined) return [usage].flat();
  const words = args.map((arg) => (arg.required ? arg.name.toUpperCase() : `[${arg.name.toUpperCase()}]`));
  const options = flags.map(
    ({ name: flag, options }) => `[--${flag}${options.length > 0 ? ` ${options.join('|')}` : ''}]`,
  );
  return [[name, ...words, ...options].join(' ')];
}

function filled(template: string, bin: string): string {
  return template.replaceAll('<%= config.bin %>', bin);
}
