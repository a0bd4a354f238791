import type { Run } from './run.ts';

/** Landscape's client reports both formats every half hour, without what changes by itself. */
export interface LandscapeReport {
  return_code: number;
  error: string;
  output: unknown;
}

export function landscapeReport(
  { exitStatus, stderr, stdout }: Run,
  format: 'json' | 'humane',
): LandscapeReport {
  const text = stdout.trim();
  try {
    const output = text === '' ? '' : format === 'json' ? json(text) : humane(text);
    return { return_code: exitStatus, error: stderr, output };
  } catch (error) {
    return { return_code: exitStatus, error: String(error), output: text };
  }
}

function json(text: string): unknown {
  const { 'Last-Check': _, Uptime: __, ...rest } = JSON.parse(text);
  return rest;
}

/** One line without a colon, and all is lost. A label that comes again takes the place of the first. */
function humane(text: string): Record<string, string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: where Python's splitlines() breaks a text
  const lines = text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/).map((line) => line.trim());
  const entries = lines
    .filter((line) => line !== '')
    .map((line): [string, string] => {
      const at = line.indexOf(':');
      if (at < 0) throw new Error('Input is not a list of key/value pairs');
      const bare = (part: string) =>
        part
          .trim()
          .replace(/^"+|"+$/g, '')
          .replace(/^'+|'+$/g, '');
      return [bare(line.slice(0, at)), bare(line.slice(at + 1))];
    });
  const { 'last check': _, ...rest } = Object.fromEntries(entries);
  return rest;
}
