import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where test/setup.sh and the test rig keep what is costly to make again. */
export const cacheDirectory = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'canonical-livepatch',
);
