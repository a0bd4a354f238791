import { LivepatchError } from '../../errors.ts';
import { trustAnchors } from '../trust.ts';
import { asFailure, type DiagnosticContext, failed, ok, unknown, type Verdict, wrong } from './diagnostic.ts';

export function configuration({ config, host }: DiagnosticContext): Verdict {
  if (!(config instanceof LivepatchError)) return ok('every setting is understood');
  if (!host.isRoot) return unknown('only root may read it');
  return failed(config, 'Correct the file.');
}

export async function certificates({ config, context }: DiagnosticContext): Promise<Verdict> {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be read');
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
    `Run '${exposed.map(({ mend }) => `sudo ${mend}`).join(' && ')}'.`,
  );
}

export function disk({ context }: DiagnosticContext): Verdict {
  const { freeBytes, neededBytes } = context.store.health();
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  if (freeBytes === undefined) return unknown('our directory is not there yet');
  if (freeBytes >= neededBytes) return ok(`${mebibytes(freeBytes)} are free for patch files`);
  return wrong(
    `only ${mebibytes(freeBytes)} are free`,
    `Free ${mebibytes(neededBytes)} where our files are kept.`,
  );
}
