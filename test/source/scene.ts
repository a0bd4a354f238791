import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { Secret } from '../../src/secret.ts';
import type { NetworkDeps } from '../../src/source/network-deps.ts';
import { livepatchServer } from '../../src/source/server/client.ts';
import type { MachineReport } from '../../src/source/source.ts';
import type { Advice, Candidate } from '../../src/types.ts';
import { startScene } from '../server/scene.ts';
import { MACHINE } from './machine.ts';

export { MACHINE };

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
type Config = Parameters<typeof livepatchServer>[0];

export const REPORT: MachineReport = { machine: MACHINE, cutoffDate: false, patchDelay: false };

/** A client of a reference server of its own, on a machine that has been up for long and whose pauses take no time. */
export async function startSourceScene({ tls = true }: { tls?: boolean } = {}) {
  let misbehave: { path: RegExp; handler: Handler } | undefined;
  const told: string[] = [];
  /** The address that each request came from. */
  const cameFrom: (string | undefined)[] = [];
  const scene = await startScene({
    tls,
    async intercept(request, response) {
      cameFrom.push(request.socket.remoteAddress);
      if (misbehave?.path.test(request.url ?? '') !== true) return false;
      await misbehave.handler(request, response);
      return true;
    },
  });
  onTestFinished(() => scene.end());
  const config: Config = {
    remoteServer: new URL(scene.server.url),
    tlsPatchDownload: false,
    caCerts: scene.pki.caPem,
    dialTimeout: 5000,
    httpProxy: '',
    httpsProxy: '',
    noProxy: '',
  };
  const source = (changes: Partial<Config> = {}, deps: Partial<NetworkDeps> = {}) =>
    livepatchServer({ ...config, ...changes }, '0.1.0', {
      env: {},
      uptime: () => 3_600_000,
      pause: async () => {},
      tell: (step) => told.push(step),
      ...deps,
    });

  return {
    ...scene,
    token: new Secret(await scene.register()),
    told,
    cameFrom,
    source,

    /** Has the server answer such requests by `handler`, or again by itself. */
    misbehave(path: RegExp, handler: Handler | undefined): void {
      misbehave = handler && { path, handler };
    },
  };
}

export type SourceScene = Awaited<ReturnType<typeof startSourceScene>>;

/** The newest candidate of a check-in that succeeds with news. */
export async function newest(
  { checkIn }: ReturnType<SourceScene['source']>,
  token: Secret,
): Promise<Candidate> {
  const { candidates } = (await checkIn(REPORT, token)).advice as Advice;
  return candidates[0] as Candidate;
}

/** An answer to a check-in, without its nonce. */
export const ADVICE = {
  schema: 2,
  issuedAt: '2026-11-22T12:00:00Z',
  support: 'supported',
  tier: 'stable',
  candidates: [],
  withdrawn: [],
  revokedKeys: [],
};
