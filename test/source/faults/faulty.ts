import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { LivepatchError } from '../../../src/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { NetworkDeps } from '../../../src/source/network-deps.ts';
import { newest, type SourceScene, startSourceScene } from '../scene.ts';

/** Limits that make the slow fail soon. Only for the run that shall fail: a busy machine is slow, too. */
const IMPATIENT = { ...LIMITS.network, attempts: 2, answerTime: 700, idleTime: 400, downloadTime: 2500 };

/** No fault may hold a run for longer than this; without the limits the slow ones would hold it for ever. */
const LONGEST = 10_000;

/** A client of a server that has a patch, and can be made to misbehave. */
export async function startFaultySite() {
  const scene = await startSourceScene();
  const { file, size } = await scene.addPatch('121.1');
  const config: Parameters<SourceScene['source']>[0] = {};
  const network: Partial<NetworkDeps> = {};

  /** Checks in, and fetches the newest file. */
  async function run(): Promise<Buffer> {
    const server = scene.source(config, network);
    return buffer(server.fetch(await newest(server, scene.token), scene.token));
  }

  return {
    ...scene,
    /** Of the patch. */
    file,
    config,
    network,
    run,

    /** A run that must fail, in time. */
    async failingRun(): Promise<LivepatchError> {
      network.limits = IMPATIENT;
      const began = performance.now();
      const error = await run().then(
        () => expect.unreachable('the run succeeded'),
        (thrown) => thrown,
      );
      expect(performance.now() - began).toBeLessThan(LONGEST);
      expect(error).toBeInstanceOf(LivepatchError);
      const shown = inspect([error, scene.told], { depth: 20, showHidden: true });
      expect(shown).not.toContain(scene.token.reveal());
      return error;
    },

    /** A run with a server that has come to its senses. */
    async goodRun(): Promise<void> {
      scene.misbehave(/./, undefined);
      network.limits = LIMITS.network;
      expect(await run()).toHaveLength(size);
    },
  };
}

export type FaultySite = Awaited<ReturnType<typeof startFaultySite>>;
