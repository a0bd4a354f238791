import { LivepatchError } from '../../errors.ts';
import { trustAnchors } from '../trust.ts';
import {
  asFailure,
  attempt,
  type DiagnosticContext,
  failed,
  ok,
  unknown,
  type Verdict,
  wrong,
} from './diagnostic.ts';

export function configuration({ config, context, host }: DiagnosticContext): Verdict {
  if (config instanceof LivepatchError && !host.isRoot) return unknown('only root may read it');
  const problems = context.store.config.problems();
  // What is fatal has a hint of its own.
  if (config instanceof LivepatchError && problems.length <= 1) return failed(config, 'Correct the file.');
  if (problems.length === 0) return ok('every setting is understood');
  return wrong(problems.join('; '), 'Correct these lines, or remove them.');
}

export async function certificates({ config, context }: DiagnosticContext): Promise<Verdict> {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be used');
  try {
    const anchors = await trustAnchors(context.store, config);
    return ok(
      `patches are verified with ${anchors.length} pinned certificate${anchors.length === 1 ? '' : 's'}`,
    );
  } catch (error) {
    return failed(asFailure(error), "Set 'signing-certs'.");
  }
}

export function files({ context }: DiagnosticContext): Verdict {
  const { exposed } = context.store.health();
  if (exposed.length === 0) return ok('our files are for root alone');
  return wrong(
    `others could read or change ${exposed.map(({ path }) => path).join(', ')}`,
    `Run '${exposed.map(({ fix }) => `sudo ${fix}`).join(' && ')}'.`,
  );
}

export function disk({ context, host }: DiagnosticContext): Verdict {
  const { freeBytes, neededBytes } = context.store.health();
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  if (host.isRoot) {
    const failure = attempt(() => context.store.probe());
    if (failure instanceof LivepatchError)
      return failed(failure, "See 'sudo dmesg' for what is wrong with the disk.");
  }
  if (freeBytes === undefined) return unknown('our directory is not there yet');
  if (freeBytes < neededBytes) {
    return wrong(
      `only ${mebibytes(freeBytes)} are free`,
      `Free ${mebibytes(neededBytes)} where our files are kept.`,
    );
  }
  const free = `${mebibytes(freeBytes)} are free for patch files`;
  return host.isRoot ? ok(`our files can be written, and ${free}`) : unknown(`${free}; only root may write`);
}

export function stateFile({ context, state }: DiagnosticContext): Verdict {
  if (state instanceof LivepatchError) return failed(state, 'Move it away.');
  const { setAside } = context.store.health();
  if (setAside.length === 0) return ok('the state file is intact');
  return unknown(
    `something could not be understood earlier, or was in the way, and was moved to ${setAside.join(', ')}`,
    `When nobody needs it any more: 'sudo rm -r ${setAside.join(' ')}'.`,
  );
}

export function otherRun({ context }: DiagnosticContext): Verdict {
  const holder = context.store.lockHolder();
  if (holder === undefined) return ok('no other canonical-livepatch is running');
  return unknown(
    `another canonical-livepatch is running (${holder})`,
    "Wait until it has ended; if it never does, see 'ps' for what it waits for.",
  );
}
