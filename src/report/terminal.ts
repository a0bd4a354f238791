/**
 * The rules of terminals, in one place. Into a pipe goes what the contract says, in UTF-8, whatever the locale: callers
 * run us with LC_ALL=C and look for these very marks. A terminal gets what it can show. Nothing is wrapped: a terminal
 * does that itself, and a line that was broken here could no longer be copied or searched for.
 */

/** What is known of the place a text is printed to. */
export interface Output {
  isTerminal: boolean;
  env: Readonly<Record<string, string | undefined>>;
}

/** Each mark: what stands for it without UTF-8, and its colour (ECMA-48 SGR). */
const MARKS = {
  '✓': { ascii: '[ok]', colour: 32 },
  '✗': { ascii: '[!!]', colour: 31 },
  '⧗': { ascii: '[..]', colour: 33 },
} as const;

/** Fits a text to where it is printed. */
export function fitToTerminal(text: string, { env, isTerminal }: Output): string {
  if (!isTerminal) return text;
  const utf8 = speaksUtf8(env);
  const coloured = showsColour(env);
  return text.replaceAll(/[✓✗⧗]/g, (mark) => {
    const { ascii, colour } = MARKS[mark as keyof typeof MARKS];
    const shown = utf8 ? mark : ascii;
    return coloured ? `\x1b[${colour}m${shown}\x1b[0m` : shown;
  });
}

/** setlocale(3): the first of these that is set and not empty counts. */
function speaksUtf8(env: Output['env']): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '');
  return /utf-?8/i.test(locale ?? '');
}

/** https://no-color.org: set to anything but the empty string. */
function showsColour(env: Output['env']): boolean {
  return (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}
