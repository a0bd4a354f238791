import { isAbsolute } from 'node:path';

/** The places that snapd gives a snap: what it consists of, what outlives its revisions, what belongs to this one. */
export interface Snap {
  directory: string;
  common: string;
  data: string;
}

const NAME = 'canonical-livepatch';

/**
 * Our snap, if this process was started as part of it. Programs that another snap starts, such as a terminal in a
 * classic snap and every shell in it, inherit SNAP and its like from there: without our own name they are not for us.
 * @returns undefined outside our snap.
 */
export function snapFrom(env: NodeJS.ProcessEnv): Snap | undefined {
  const { SNAP, SNAP_COMMON, SNAP_DATA, SNAP_NAME } = env;
  if (SNAP_NAME !== NAME) return undefined;
  const places = [SNAP, SNAP_COMMON, SNAP_DATA].filter((place) => place !== undefined && isAbsolute(place));
  const [directory, common, data] = places;
  if (directory === undefined || common === undefined || data === undefined) return undefined;
  return { directory, common, data };
}
