import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/**
 * A unified diff that has `now` where a file has `before`.
 *
 * @param name the file's, in the diff.
 */
export async function diffOf(file: string, name: string, before: string, now: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  if (!text.includes(before)) throw new Error(`${file} has no ${before}`);
  const labels = ['--label', `a/${name}`, '--label', `b/${name}`];
  const input = text.replace(before, () => now);
  // It ends with 1 when there is a difference.
  const { stdout } = await execa('diff', ['-u', ...labels, file, '-'], { input, reject: false });
  return `${stdout}\n`;
}
