import type { Kernel } from '../kernel/kernel.ts';
import type { Server } from '../source/server/client.ts';
import type { Store } from '../store/store.ts';
import type { Config, Machine, Mode, Ping } from '../types.ts';

/** All that an operation needs from outside. Tests hand in fakes that pass the same contract tests. */
export interface Context {
  clientVersion: string;
  kernel: Kernel;
  store: Store;
  /** Asynchronous so that only those who talk to a server load what that takes. */
  connect(config: Config): Promise<Server>;
  now(): Date;
  sleep(milliseconds: number): Promise<void>;
  /** Tells a person what is being done; present tense, no secret, no full stop. */
  progress(step: string): void;
  /** Tells a person what did not fail and still should be known. */
  warn(text: string): void;
  /** What is worth a word only to those who look for it: nothing fails because of it. As `progress`. */
  debug(text: string): void;
  /** How many bytes of a download have come, of how many; for a progress bar. Called with every chunk. */
  transferred?(received: number, total: number): void;
}

/** As much of the context as tells what is known, without the configuration and what it takes to read that. */
export interface ReadOnlyContext extends Pick<Context, 'clientVersion' | 'kernel' | 'now'> {
  store: Pick<Store, 'token' | 'state' | 'cves'>;
}

/** The context while the run lock is held, and what was read of it at the beginning. */
export interface Run extends Context {
  machine: Machine;
  mode: Mode;
  config: Config;
  /** Try again what is blocked on this machine. */
  retryBlocked: boolean;
  /** Where pings go; undefined when the server has not been reached in this run. */
  pingQueue?: { post(ping: Ping): void };
}
