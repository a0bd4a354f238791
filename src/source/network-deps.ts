import { uptime } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { LIMITS } from '../limits.ts';

/** Bounds of sizes and times; see limits.ts. */
type NetworkLimits = { [Name in keyof typeof LIMITS.network]: number };

/** What this room needs from outside besides the configuration. Tests hand in shorter limits and pauses. */
export interface NetworkDeps {
  /** Names proxies. */
  env: NodeJS.ProcessEnv;
  /** CAs that are shipped with the client, PEM. @throws LivepatchError `storage` */
  shippedCas(): string[];
  limits: NetworkLimits;
  /** Milliseconds since the machine was booted. */
  uptime(): number;
  /** From 0 up to but not 1. */
  random(): number;
  /** @param milliseconds how long. */
  pause(milliseconds: number): Promise<void>;
  /** Tells a person that something takes longer, and why. */
  tell(step: string): void;
}

export const NETWORK_DEPS: NetworkDeps = {
  env: process.env,
  shippedCas: () => [],
  limits: LIMITS.network,
  uptime: () => uptime() * 1000,
  random: Math.random,
  pause: (milliseconds) => setTimeout(milliseconds),
  tell: () => {},
};
