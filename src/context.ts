import { setTimeout } from 'node:timers/promises';
import { isJournal, openReporter, PRIORITY } from './commands/progress.ts';
import { linuxKernel } from './kernel/kernel.ts';
import type { ConnectOptions, Context } from './operations/context.ts';
import { mask } from './secret.ts';
import type { Source } from './source/source.ts';
import { openStore, type Store } from './store/store.ts';
import { NO_TOKEN } from './store/token.ts';
import type { Config, LogLevel } from './types.ts';

/** The context outside, as it really is: this kernel, this disk, this clock, the configured server. */
export function realContext(clientVersion: string): Context {
  const store = openStore(process.env);
  return {
    clientVersion,
    kernel: linuxKernel(),
    store,
    connect: (config, options) => connect(config, store, clientVersion, options),
    async *readInput(name) {
      if (name === '-') return yield* process.stdin as AsyncIterable<Uint8Array>;
      const { openInputFile } = await import('./store/input-files.ts');
      using file = openInputFile(name);
      yield* file.chunks();
    },
    now: () => new Date(),
    monotonic: () => performance.now(),
    sleep: async (milliseconds) => void (await setTimeout(milliseconds)),
    progress: reporter.step,
    debug: (text) => reporter.log('debug', text),
    transferred: reporter.transferred,
    warn,
  };
}

/** A catalogue where its root is pinned, else a server. Each is loaded only where it is used. */
async function connect(
  config: Config,
  store: Store,
  clientVersion: string,
  { trial = false }: ConnectOptions = {},
): Promise<Source> {
  const network = {
    tell: reporter.step,
    shippedCas: store.shippedCas,
    ...(trial && (await import('./source/trial.ts')).trialDeps()),
  };
  const root = config.catalogueRoot || store.shippedRoot();
  if (root === undefined) {
    const { livepatchServer } = await import('./source/server/client.ts');
    return livepatchServer(config, clientVersion, network);
  }
  const { catalogue } = await import('./source/catalogue/catalogue.ts');
  const metadata = trial
    ? (await import('./source/catalogue/metadata-store.ts')).onTopOf(store.catalogue)
    : store.catalogue;
  return catalogue(config, { clientVersion, root: Buffer.from(root), metadata, network });
}

const { stderr, env } = process;
const journal = isJournal(2, env);
/** Nobody is there to watch: the configuration decides what is said. */
let unattended = journal;

/** The one reporter of this process. */
export const reporter = openReporter({
  write: (text) => stderr.write(text),
  columns: stderr.isTTY && env.TERM !== 'dumb' ? stderr.columns : undefined,
  journal,
  says: (level) => (!unattended && level !== 'debug') || PRIORITY[level] <= PRIORITY[logLevel()],
  clock: () => performance.now(),
});

/** Logs a warning. */
export function warn(text: string): void {
  reporter.log('warning', `warning: ${text}`);
}

/** From now on the log-level of the configuration counts: a timer called. */
export function setUnattended(): void {
  unattended = true;
}

let known: LogLevel | undefined;

/** A person sees every step, and more when the configuration asks for more. */
export function logLevel(): LogLevel {
  known ??= configuredLogLevel();
  return unattended || known === 'debug' ? known : 'info';
}

/** A configuration that cannot be read is reported where it is needed; here it must not silence a message. */
function configuredLogLevel(): LogLevel {
  try {
    return openStore(env).config.read().logLevel;
  } catch {
    return 'warning';
  }
}

/** A text without the machine token, which a server or a library may have repeated in an error. */
export function withoutToken(text: string): string {
  try {
    const token = openStore(env).token.read();
    return token === undefined || token.reveal() === NO_TOKEN ? text : mask(text, [token]);
  } catch {
    // Nobody but root can read it, and nobody but root sends it.
    return text;
  }
}
