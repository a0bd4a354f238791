import { LivepatchError, messageOf } from '../errors.ts';
import { warningsOf } from '../policy/config-warnings.ts';
import type { Store } from '../store/store.ts';
import type { Context } from './context.ts';

/**
 * Changes the configuration: all of the given keys, or none. On an enabled machine another server is asked a question
 * first, without a token: an address that does not work would leave the machine unpatched, and nobody would notice.
 * @param changes value by key; an empty value puts the default back.
 * @throws LivepatchError `config`, `busy`, `storage`, and as server.ts says for a server that does not answer.
 */
export async function configure(context: Context, changes: Record<string, string>): Promise<void> {
  const { store } = context;
  using _lock = store.runLock('config', context.warn);
  await check(store, changes);
  if ('remote-server' in changes) await requireAnswer(context, changes);
  store.config.update(changes);
  store.events.add({ what: 'configured', keys: Object.keys(changes) });
  await store.snapSettings.publish(store.config.texts());
  warnOfRisks(context);
}

/**
 * Tells a person what is wrong in the configuration, and what is allowed and risky. Never throws.
 * @param options.willFail the command goes on to read the configuration, and its error will say why that cannot be.
 */
export function warnOfRisks(
  { store, warn }: { store: Pick<Store, 'config'>; warn: Context['warn'] },
  { willFail = false } = {},
): void {
  const [risks, failure] = risksIn(store);
  for (const problem of store.config.problems()) if (!willFail || problem !== failure) warn(problem);
  for (const risk of risks) warn(risk);
}

function risksIn({ config }: Pick<Store, 'config'>): [risks: string[], failure: string | undefined] {
  try {
    return [warningsOf(config.read()), undefined];
  } catch (error) {
    return [[], messageOf(error)];
  }
}

/**
 * Takes over what was set with `snap set`: all of it, or none. After an installation, a refresh or `snap revert`, which
 * a failure would undo, what cannot be taken over is only warned about. Afterwards `snap get` shows every key.
 * @throws LivepatchError as `configure`, when `snap set` asked for it.
 */
export async function configureFromSnap({ store, warn }: Pick<Context, 'store' | 'warn'>): Promise<void> {
  let isAskedFor = store.snapSettings.isSettled();
  try {
    using _lock = store.runLock('snap set', warn);
    const changes = await store.snapSettings.changes();
    isAskedFor &&= Object.keys(changes).length > 0;
    const sets = isAskedFor ? [changes] : Object.entries(changes).map(([key, value]) => ({ [key]: value }));
    for (const set of sets) await takeOver(store, set, isAskedFor ? undefined : warn);
    await store.snapSettings.publish(store.config.texts());
  } catch (error) {
    if (isAskedFor) throw error;
    warn(`the settings of the snap were not adopted: ${messageOf(error)}`);
  }
  for (const problem of store.config.problems()) warn(problem);
}

/** @param warn told of a failure instead of throwing it. */
async function takeOver(store: Store, changes: Record<string, string>, warn?: (text: string) => void) {
  if (Object.keys(changes).length === 0) return;
  try {
    await check(store, changes);
    store.config.update(changes);
  } catch (error) {
    if (warn === undefined) throw error;
    return warn(messageOf(error));
  }
  store.events.add({ what: 'configured', keys: Object.keys(changes) });
}

/** Certificates are read by the code that will use them: what it cannot use is not to be found out later. */
async function check({ config }: Store, changes: Record<string, string>): Promise<void> {
  config.check(changes);
  const { 'ca-certs': caCerts = '', 'signing-certs': signingCerts = '' } = changes;
  try {
    if (caCerts !== '') {
      const { requireCaCertificates } = await import('../patch/ca-certificates.ts');
      requireCaCertificates(caCerts, 'ca-certs');
    }
    if (signingCerts !== '') {
      const { parseCertificates } = await import('../patch/trust.ts');
      // Text that begins with 0 would be taken for DER.
      parseCertificates(Buffer.from(signingCerts.replace(/^0/, ' ')), 'signing-certs');
    }
  } catch (error) {
    throw new LivepatchError('config', `config update aborted: ${messageOf(error)}`, {
      hint: 'Nothing was changed. Give the certificates alone, each whole.',
      cause: error,
    });
  }
}

async function requireAnswer({ connect, kernel, progress, store }: Context, changes: Record<string, string>) {
  const config = store.config.preview(changes);
  if (!store.token.exists() || !kernel.mode().contact) return;
  const { registry } = await connect(config);
  // A catalogue answers no questions; whether it can be read is for the next check to tell.
  if (registry === undefined) return;
  progress(`asking ${config.remoteServer.origin}`);
  try {
    await registry.support(kernel.machine());
  } catch (error) {
    const failure = error instanceof LivepatchError ? error : undefined;
    throw new LivepatchError(
      failure?.code ?? 'general',
      `config update aborted: remote-server: ${messageOf(error)}`,
      { ...(failure?.hint === undefined ? {} : { hint: failure.hint }), cause: failure?.cause ?? error },
    );
  }
}
