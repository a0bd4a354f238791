/** `18m14s`, `2h0m5s`: as Go prints a duration, which callers parse. */
export function goDuration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

const STEPS = [
  { unit: 'day', seconds: 86_400 },
  { unit: 'hour', seconds: 3_600 },
  { unit: 'minute', seconds: 60 },
  { unit: 'second', seconds: 1 },
] as const;

/** `54 minutes ago`. A time that is ahead of the clock is told as such, for then the clock was set back. */
export function ago(time: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - time.getTime()) / 1000);
  if (seconds < 0) return `${time.toISOString()} (ahead of this clock)`;
  const step = STEPS.find((candidate) => seconds >= candidate.seconds);
  if (step === undefined) return 'just now';
  const count = Math.floor(seconds / step.seconds);
  return `${count} ${step.unit}${count === 1 ? '' : 's'} ago`;
}

/** A time as Go prints it, in UTC and without fractions of a second: some callers parse by a fixed pattern. */
export function wholeSeconds<T extends string | undefined>(time: T): T {
  return (time === undefined ? time : new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')) as T;
}

/** The security notice of a patch: `113.1` is LSN-0113-1. Undefined for a version of another form. */
export function noticeOf(version: string): string | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(version) ?? [];
  return major === undefined ? undefined : `LSN-${major.padStart(4, '0')}-${minor}`;
}
