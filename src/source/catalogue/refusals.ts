import { LengthOrHashMismatchError, UnsignedMetadataError } from '@tufjs/models/dist/error.js';
import { BadVersionError, ExpiredMetadataError, RepositoryError } from 'tuf-js/dist/error.js';
import * as v from 'valibot';
import { LivepatchError, messageOf } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { Time } from '../../schemas.ts';
import { printable } from '../../text.ts';
import { FIELD } from './layout.ts';

/** What was being checked when it was refused. */
export interface Refused {
  /** `timestamp`, `kernels-4e`. */
  role: string;
  bytes: Uint8Array;
  /** The parts are each as signed, and do not belong together. */
  mixed: boolean;
  now: Date;
  /** The host's clock, unsigned. */
  hostClock: Date | undefined;
  /** How far two clocks may be apart, milliseconds. */
  clockSkew: number;
}

/** Names the attack, or the mishap, behind an error of tuf-js. */
export function refusal(error: unknown, refused: Refused): LivepatchError {
  if (error instanceof LivepatchError) return error;
  const { mixed, role } = refused;
  const file = `${role}.json`;
  if (error instanceof ExpiredMetadataError) return expired(error, refused);
  if (error instanceof UnsignedMetadataError) {
    return refuse(`${file} is not signed by enough of the keys that it has to be signed with`, error);
  }
  if (error instanceof LengthOrHashMismatchError || mixed) {
    return refuse(
      `its files do not belong together: ${file} is not the one that was announced`,
      error,
      MIXED,
    );
  }
  if (error instanceof BadVersionError || error instanceof RepositoryError) {
    return refuse(
      `it was rolled back: ${printable(messageOf(error), LIMITS.network.errorTextLength)}`,
      error,
      ROLLED_BACK,
    );
  }
  return refuse(`${file} is not TUF metadata as it should be`, error);
}

const MIXED =
  'Its host mixes files of different times, or they are being uploaded: metadata/timestamp.json goes last.';
const ROLLED_BACK =
  'Its host serves an older state than it did before. Publish from the newest state, or rotate the keys.';

function refuse(what: string, cause: unknown, hint?: string): LivepatchError {
  return new LivepatchError('bad-answer', `the catalogue was refused: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}

const Dates = v.object({ signed: v.object({ expires: Time, [FIELD.issued]: v.optional(Time) }) });

/**
 * Either nobody has renewed the catalogue, or somebody holds the renewed one back, or our clock is ahead. The host's
 * clock proves nothing; when it differs, a person should look at ours first.
 */
function expired(cause: unknown, { bytes, clockSkew, hostClock, now, role }: Refused): LivepatchError {
  const dates = v.safeParse(Dates, JSON.parse(Buffer.from(bytes).toString('utf8')));
  // TUF clients are less strict than we are about how a date is written.
  if (!dates.success) return refuse(`${role}.json has expired`, cause);
  const { expires, [FIELD.issued]: issued } = dates.output.signed;
  if (hostClock !== undefined && hostClock < new Date(expires) && distance(hostClock, now) > clockSkew) {
    return new LivepatchError(
      'clock',
      `this machine's clock says ${now.toISOString()}, the catalogue's host says ${hostClock.toISOString()}`,
      { hint: "By the host's clock the catalogue is up to date: set this machine's clock.", cause },
    );
  }
  const since = issued === undefined ? 'in time' : `since ${issued}`;
  return new LivepatchError(
    'expired',
    `the catalogue has not been renewed ${since}: its ${role}.json expired on ${expires}`,
    { hint: "Its publisher has to run 'livepatch-publish renew', and upload it.", cause },
  );
}

function distance(a: Date, b: Date): number {
  return Math.abs(a.getTime() - b.getTime());
}
