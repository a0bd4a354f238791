import type { Entry } from './catalogue.ts';

/** A program and what it says of itself. */
export interface Program {
  bin: string;
  about: string;
  entries: readonly Entry[];
}

/** docs/commands.md: every command of both programs, as they describe themselves. */
export function commandReference(programs: readonly Program[]): string {
  return `${[HEAD, ...programs.flatMap(programPart)].join('\n\n')}\n`;
}

const HEAD = `# Commands

<!-- Written by \`npm run docs\` from the commands themselves: change those, not this page. -->

Every command explains itself with \`--help\`. What a program wants goes to standard output, everything else to standard
error. On a terminal each step appears as it happens; into a pipe it is one line; in the journal each line has its
priority, and only what \`log-level\` lets through is said. Exit statuses: [status-and-exit-codes.md](status-and-exit-codes.md).`;

function programPart({ about, bin, entries }: Program): string[] {
  const index = entries.map(
    ({ name, summary }) => `- [\`${name}\`](#${bin}-${name}): ${lowerFirst(summary)}`,
  );
  return [`## ${bin}`, about, index.join('\n'), ...entries.flatMap((entry) => commandPart(bin, entry))];
}

function commandPart(
  bin: string,
  { args, description, examples, flags, name, summary, usage }: Entry,
): string[] {
  const options: [string, string][] = [
    ...args.map((arg): [string, string] => [arg.name.toUpperCase(), arg.description]),
    ...flags.map((flag): [string, string] => [
      `--${flag.name}${flag.options.length > 0 ? ` ${flag.options.join('|')}` : ''}`,
      flag.summary,
    ]),
  ];
  const rows = options.map(([option, about]) => `| \`${option.replaceAll('|', '\\|')}\` | ${about} |`);
  const shown = examples.map((example) =>
    example.description === '' ? example.command : `# ${example.description}\n${example.command}`,
  );
  return [
    `### ${bin} ${name}`,
    `${summary}.`,
    fenced('', usage.map((line) => `${bin} ${line}`).join('\n')),
    // A single line break is one that a reader is to see.
    ...(description === '' ? [] : [description.replaceAll(/(?<!\n)\n(?!\n)/g, '\\\n')]),
    ['| option | |', '|---|---|', ...rows].join('\n'),
    fenced('sh', shown.join('\n')),
  ];
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function lowerFirst(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}
