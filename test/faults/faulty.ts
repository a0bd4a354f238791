import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import type { NetworkDeps } from '../../src/source/network-deps.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { startScene } from '../operations/scene.ts';
import type { Handler } from '../source/scene.ts';

/** Limits that make the slow fail soon. Only for the run that shall fail: a busy machine is slow, too. */
const IMPATIENT = {
  ...LIMITS.network,
  attempts: 2,
  answerTime: 700,
  idleTime: 400,
  downloadTime: 2500,
};

/** No fault may hold a run for longer than this; without the limits the slow ones would hold it for ever. */
const LONGEST = 10_000;

/** An enabled machine with a patch due, whose server can be made to misbehave. */
export async function startFaultySite(options: { tls?: boolean } = {}) {
  let misbehave: { path: RegExp; handler: Handler } | undefined;
  const network: Partial<NetworkDeps> = {};
  const scene = await startScene({
    ...options,
    network,
    async intercept(request, response) {
      if (misbehave?.path.test(request.url ?? '') !== true) return false;
      await misbehave.handler(request, response);
      return true;
    },
  });
  const { machineToken } = await enable(scene.context, scene.authToken);
  scene.publish('121.1');
  const cves = { timestamp: '2026-11-20T08:00:00Z', kernelPackageFixes: ['CVE-2026-0002'] };
  scene.server.database.setKernelPackageFixes(MACHINE.kernel, MACHINE.architecture, cves);
  const payloads = () => readdirSync(join(scene.common, 'patches'));

  return {
    ...scene,
    network,
    machineToken,
    payloads,

    /** Has the server answer such requests by `handler`, or again by itself. */
    misbehave(path: RegExp, handler: Handler | undefined): void {
      misbehave = handler && { path, handler };
    },

    /** A refresh that must fail, in time, without leaving anything behind. */
    async failingRefresh(): Promise<LivepatchError> {
      network.limits = IMPATIENT;
      const began = Date.now();
      const error = await refresh(scene.context).then(
        () => expect.unreachable('the refresh succeeded'),
        (thrown) => thrown,
      );
      expect(Date.now() - began).toBeLessThan(LONGEST);
      expect(error).toBeInstanceOf(LivepatchError);
      expect(payloads()).toEqual([]);
      expect(scene.kernel.deeds).toEqual([]);
      const shown = inspect([error, scene.told], { depth: 20, showHidden: true });
      expect(shown).not.toContain(machineToken.reveal());
      expect(readFileSync(join(scene.data, 'state.json'), 'utf8')).not.toContain(machineToken.reveal());
      return error;
    },

    /** A refresh by a server that has come to its senses. */
    async goodRefresh(): Promise<void> {
      misbehave = undefined;
      network.limits = LIMITS.network;
      expect(await refresh(scene.context)).toMatchObject({ kind: 'applied' });
      expect(payloads()).toHaveLength(1);
    },
  };
}

export type FaultySite = Awaited<ReturnType<typeof startFaultySite>>;
