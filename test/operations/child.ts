import { appendFileSync, createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { LivepatchError } from '../../src/errors.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { livepatchServer } from '../../src/source/server/client.ts';
import { openStore } from '../../src/store/store.ts';
import { type FakeState, fakeKernel, freshState } from '../fakes/kernel.ts';

/**
 * A command in a process of its own: the real operations, store, lock and network; a kernel whose state is in
 * KERNEL_FILE, for it has to outlive the process. Kills itself, as with -9, when it tells of step DIE_AT.
 */
const { DIE_AT, KERNEL_FILE = '' } = process.env;
const state: FakeState = freshState();
const kernel = fakeKernel(state, () => writeFileSync(KERNEL_FILE, JSON.stringify(state)));
const store = openStore(process.env);
const lock = store.runLock;
store.runLock = (who, warn) => {
  const held = lock(who, warn);
  // Now nobody else changes it.
  if (existsSync(KERNEL_FILE)) Object.assign(state, JSON.parse(readFileSync(KERNEL_FILE, 'utf8')));
  return held;
};

const context = {
  clientVersion: '1.2.3',
  kernel,
  store,
  connect: async (config: Parameters<typeof livepatchServer>[0]) =>
    livepatchServer(config, '1.2.3', { env: {} }),
  readInput: (name: string) => createReadStream(name),
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: async () => {},
  warn: () => {},
  debug: () => {},
  progress(step: string) {
    if (DIE_AT !== undefined && step.startsWith(DIE_AT)) process.kill(process.pid, 'SIGKILL');
  },
};

try {
  await refresh(context);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof LivepatchError ? error.exitStatus : 99;
} finally {
  appendFileSync(`${KERNEL_FILE}.deeds`, kernel.deeds.map((deed) => `${deed}\n`).join(''));
}
