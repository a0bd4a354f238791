import { LivepatchError, messageOf } from '../../errors.ts';
import type { Host } from '../../kernel/host.ts';
import type { KernelSecurity } from '../../kernel/security.ts';
import type { Config, Finding, KernelState, Machine, Mode, State } from '../../types.ts';
import type { Context } from '../context.ts';
import type { Reached } from './reach.ts';

/** What all checks look at. What could not be read is the error in its place, for the check it belongs to. */
export interface DiagnosticContext {
  context: Context;
  machine: Machine | LivepatchError;
  mode: Mode;
  host: Host;
  security: KernelSecurity;
  kernel: KernelState;
  config: Config | LivepatchError;
  state: State | LivepatchError;
  network: Reached;
}

/** What a check finds. */
export type Verdict = Omit<Finding, 'check'>;
export type Check = (diagnosed: DiagnosticContext) => Verdict | Promise<Verdict>;

export const ok = (found: string) => ({ verdict: 'ok', found }) as const;
export const wrong = (found: string, next: string) => ({ verdict: 'wrong', found, next }) as const;
export const unknown = (found: string, next?: string) =>
  ({ verdict: 'unknown', found, ...(next === undefined ? {} : { next }) }) as const;
/** @param next what to do where the error does not say. */
export const failed = ({ hint, message }: LivepatchError, next: string) => wrong(message, hint ?? next);

/** What was read, or why it could not be. */
export function attempt<T>(read: () => T): T | LivepatchError {
  try {
    return read();
  } catch (error) {
    return asFailure(error);
  }
}

/** Any error as one that can be reported. */
export function asFailure(error: unknown): LivepatchError {
  return error instanceof LivepatchError ? error : new LivepatchError('general', messageOf(error));
}
