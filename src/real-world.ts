import { setTimeout } from 'node:timers/promises';
import { linuxKernel } from './kernel/kernel.ts';
import type { World } from './operations/world.ts';
import { openStore } from './store/store.ts';

/** The world outside, as it really is: this kernel, this disk, this clock, the configured server. */
export function realWorld(clientVersion: string): World {
  // To stderr: what goes to stdout is for programs.
  const progress = (step: string) => process.stderr.write(`${step}\n`);
  return {
    clientVersion,
    kernel: linuxKernel(),
    store: openStore(process.env),
    async connect(config) {
      const { livepatchServer } = await import('./remote/server.ts');
      return livepatchServer(config, clientVersion, { tell: progress });
    },
    now: () => new Date(),
    sleep: async (milliseconds) => void (await setTimeout(milliseconds)),
    progress,
  };
}
