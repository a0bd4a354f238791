import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** A token is one line of at most 1024 characters; a file that is no token must not be read to its end. */
const LONGEST_LINE = 4096;

/** @throws LivepatchError `usage` when nothing of use comes. */
export async function readTokenFromStdin(): Promise<string> {
  const text = await stdinUntil((so) => so.includes('\n') || so.length > LONGEST_LINE);
  const [line = ''] = text.split('\n', 1);
  if (line.trim() === '') throw new LivepatchError('usage', 'standard input holds no token');
  return line.trim();
}

/** All of it, without the one newline that `echo` and editors end a text with. @throws LivepatchError `usage` when there is nothing, or too much. */
export async function allOfStdin(): Promise<string> {
  const text = await stdinUntil((so) => so.length > LIMITS.store.fileBytes);
  if (text.trim() === '') throw new LivepatchError('usage', 'standard input is empty');
  if (text.length > LIMITS.store.fileBytes)
    throw new LivepatchError('usage', 'standard input holds too much');
  return text.replace(/\r?\n$/, '');
}

async function stdinUntil(enough: (text: string) => boolean): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    text += chunk;
    if (enough(text)) break;
  }
  return text;
}
