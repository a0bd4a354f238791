import type { Kernel } from '../kernel/kernel.ts';
import type { KernelView } from '../kernel/view.ts';
import type { Source } from '../source/source.ts';
import type { Store } from '../store/store.ts';
import type { Config } from '../types.ts';

export interface ConnectOptions {
  /** Only to see whether it works: everything is asked once and not for long, and nothing is kept of it. */
  trial?: boolean;
}

/** All that an operation needs from outside. Tests hand in fakes that pass the same contract tests. */
export interface Context {
  clientVersion: string;
  kernel: Kernel;
  store: Store;
  /** Asynchronous so that only those who talk to a source load what that takes. */
  connect(config: Config, options?: ConnectOptions): Promise<Source>;
  /** The bytes of a file that was named on the command line; `-` is standard input. */
  readInput(name: string): AsyncIterable<Uint8Array>;
  /** The wall clock: only for what is written down. */
  now(): Date;
  /** Milliseconds of a clock that only goes forward: for durations and patience. */
  monotonic(): number;
  sleep(milliseconds: number): Promise<void>;
  /** Tells a person what is being done; present tense, no secret, no full stop. */
  progress(step: string): void;
  /** Logs a warning. */
  warn(text: string): void;
  /** Debug message. */
  debug(text: string): void;
  /** How many bytes of a download have come, of how many; for a progress bar. Called with every chunk. */
  transferred?(received: number, total: number): void;
}

/** As much of the context as tells what is known, without the configuration and what it takes to read that. */
export interface ReadOnlyContext extends Pick<Context, 'clientVersion' | 'now'> {
  kernel: KernelView;
  store: Pick<Store, 'token' | 'state' | 'cves'>;
}
