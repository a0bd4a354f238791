import { LivepatchError, messageOf } from '../errors.ts';
import { warningsOf } from '../policy/config-warnings.ts';
import type { Context } from './context.ts';

/**
 * Changes the configuration: all of the given keys, or none. On an enabled machine another server is asked a question
 * first, without a token: an address that does not work would leave the machine unpatched, and nobody would notice.
 * @param changes value by key; an empty value puts the default back.
 * @throws LivepatchError `config`, `busy`, `storage`, and as server.ts says for a server that does not answer.
 */
export async function configure(context: Context, changes: Record<string, string>): Promise<void> {
  const { store } = context;
  using _lock = store.runLock('config');
  if ('remote-server' in changes) await requireAnswer(context, changes);
  store.config.update(changes);
  store.events.add({ what: 'configured', keys: Object.keys(changes) });
  await store.snapSettings.publish(store.config.texts());
  warnOfRisks(context);
}

/** Tells a person what is allowed in the configuration, and risky. @throws LivepatchError `config`, `storage` */
export function warnOfRisks({ store, warn }: Context): void {
  for (const warning of warningsOf(store.config.read())) warn(warning);
}

/**
 * Takes over what was set with `snap set`: all of it, or none. Afterwards `snap get` shows every key.
 * @throws LivepatchError as `configure`
 */
export async function configureFromSnap({ store }: Context): Promise<void> {
  using _lock = store.runLock('snap set');
  const changes = await store.snapSettings.changes();
  store.config.update(changes);
  store.events.add({ what: 'configured', keys: Object.keys(changes) });
  await store.snapSettings.publish(store.config.texts());
}

async function requireAnswer({ connect, kernel, progress, store }: Context, changes: Record<string, string>) {
  const config = store.config.preview(changes);
  if (!store.token.exists() || !kernel.mode().contact) return;
  progress(`asking ${config.remoteServer.origin}`);
  try {
    await (await connect(config)).support(kernel.machine());
  } catch (error) {
    const failure = error instanceof LivepatchError ? error : undefined;
    throw new LivepatchError(
      failure?.code ?? 'general',
      `config update aborted: remote-server: ${messageOf(error)}`,
      { ...(failure?.hint === undefined ? {} : { hint: failure.hint }), cause: failure?.cause ?? error },
    );
  }
}
