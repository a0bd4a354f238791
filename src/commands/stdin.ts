import { LivepatchError } from '../errors.ts';

/** A token is one line of at most 1024 characters; a file that is no token must not be read to its end. */
const LONGEST = 4096;

/** @throws LivepatchError `usage` when nothing of use comes. */
export async function firstLineOfStdin(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += chunk;
    if (text.includes('\n') || text.length > LONGEST) break;
  }
  const [line = ''] = text.split('\n', 1);
  if (line.trim() === '') throw new LivepatchError('usage', 'standard input holds no token');
  return line.trim();
}
