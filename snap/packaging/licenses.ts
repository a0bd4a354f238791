import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import lock from '../../package-lock.json' with { type: 'json' };
import { shippedPaths } from './sbom.ts';

const NOTICE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i;

/**
 * The licences of all packages that are bundled, one after the other: most of them ask that their text goes with every
 * copy. Some bring none; of those their name has to do.
 */
export async function thirdPartyLicenses(checkout: string): Promise<string> {
  const packages: Record<string, { version: string; license?: string }> = lock.packages;
  const chapters = shippedPaths().map(async (path) => {
    const { license = 'not said', version } = packages[path] as { version: string; license?: string };
    const directory = join(checkout, path);
    const files = existsSync(directory) ? await readdir(directory) : [];
    const notices = files.filter((name) => NOTICE.test(name)).sort();
    const texts = await Promise.all(notices.map((name) => readFile(join(directory, name), 'utf8')));
    const title = `${path.split('node_modules/').at(-1)} ${version}, licence: ${license}`;
    return [title, '='.repeat(title.length), ...texts.map((text) => `\n${text.trim()}`)].join('\n');
  });
  return `${(await Promise.all(chapters)).join('\n\n\n')}\n`;
}
