import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const CHECKOUT = join(import.meta.dirname, '../..');

/** What a build could take from the person and the machine that it is done by, and must not. */
interface Builder {
  umask: string;
  env: NodeJS.ProcessEnv;
}
export const SOMEBODY: Builder = { umask: '022', env: {} };
export const SOMEBODY_ELSE: Builder = { umask: '077', env: { TZ: 'Asia/Kathmandu', LC_ALL: 'sv_SE.UTF-8' } };

/**
 * Builds a package from scratch, as people are told to.
 * @returns the package's path.
 */
export async function buildPackage(
  kind: 'snap' | 'deb',
  directory: string,
  { env, umask }: Builder,
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const command = `umask ${umask} && npm run --silent ${kind} -- "$1"`;
  const { stdout } = await execa('sh', ['-c', command, 'sh', directory], {
    cwd: CHECKOUT,
    env: { ...env, ...more },
  });
  const path = /^built: (.+)$/m.exec(stdout)?.[1];
  if (path === undefined) throw new Error(`no package was built: ${stdout}`);
  return path;
}
