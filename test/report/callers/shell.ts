import type { Run } from './run.ts';

/** What shell scripts in the field make of our output. */

/** snapd's own test and Pro's: `canonical-livepatch status 2>&1 | grep`. */
export function saysNotEnabled({ stderr, stdout }: Run): boolean {
  return /Machine is not enabled\. Please run 'sudo canonical-livepatch enable' with the\ntoken obtained from/.test(
    stdout + stderr,
  );
}

/** Three independent callers pipe plain `status` and look for these keys, line by line. */
export function grepStatus({
  stdout,
}: Run): Record<'running' | 'checkState' | 'patchState', string | undefined> {
  const value = (key: string) => new RegExp(`^ *-? *${key}: (.*)$`, 'm').exec(stdout)?.[1];
  return { running: value('running'), checkState: value('checkState'), patchState: value('patchState') };
}

/** sos keeps what `status --verbose` prints as a file of a report, and reads nothing of it. */
export function sosFile({ stderr, stdout }: Run): string {
  return stdout + stderr;
}

/** /etc/update-motd.d: standard error is thrown away, and 0 and 1 are answers. */
export function motd({ exitStatus, stdout }: Run): string {
  return exitStatus === 0 || exitStatus === 1 ? stdout : '';
}

/** A script that is copied a lot: any output asks for a restart. */
export function asksForRestart({ stdout }: Run): boolean {
  return stdout.trim() !== '';
}
