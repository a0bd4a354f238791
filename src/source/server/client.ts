import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { LivepatchError } from '../../errors.ts';
import { Time } from '../../schemas.ts';
import { Secret } from '../../secret.ts';
import type { Config } from '../../types.ts';
import { download } from '../download.ts';
import { NETWORK_DEPS, type NetworkDeps } from '../network-deps.ts';
import { withRetry } from '../retry.ts';
import type { MachineReport, Registry, Source } from '../source.ts';
import { type TransportConfig, transport } from '../transport.ts';
import { apiBase } from './base.ts';
import { fetchCves } from './cves.ts';
import { ask, badAnswer, exchange, type Request } from './exchange.ts';
import {
  type CheckIn,
  CheckInAnswer,
  ISSUED_AT_HEADER,
  NONCE_HEADER,
  type PingRequest,
  RegisterAnswer,
  registerRequest,
  SCHEMA,
  SupportedAnswer,
} from './messages.ts';

type ServerConfig = TransportConfig & Pick<Config, 'remoteServer' | 'tlsPatchDownload'>;

/** The Livepatch server of PROTOCOL.md, seen from here. Makes no connection until it is asked something. */
export function livepatchServer(
  config: ServerConfig,
  clientVersion: string,
  changed: Partial<NetworkDeps> = {},
): Source & { registry: Registry } {
  const deps = { ...NETWORK_DEPS, ...changed };
  const carrier = transport(config, `canonical-livepatch/${clientVersion}`, deps);
  const base = apiBase(carrier, config.remoteServer);
  /** Addresses of the files that the last answer named, by SHA-256. */
  let addresses = new Map<string, string>();
  /** Where the last check-in was answered from; undefined behind a proxy. */
  let peer: string | undefined;
  const { answerTime, cvesTime, pingTime } = deps.limits;
  const timeLimit = config.dialTimeout + answerTime;

  const request = async (
    method: Request['method'],
    path: string,
    more: Omit<Partial<Request>, 'method' | 'url'> = {},
  ): Promise<Request> => ({ method, url: new URL(path, await base()), timeLimit, ...more });

  /** An answer that may not be empty. */
  const required = <T>(make: () => Promise<Request>, schema: v.GenericSchema<unknown, T>): Promise<T> =>
    withRetry(deps, async () => {
      const asked = await make();
      const { answer } = await ask(carrier, asked, schema);
      if (answer === undefined) throw badAnswer(asked, 'it is empty');
      return answer;
    });

  return {
    checkIn: (report, token) =>
      withRetry(deps, async () => {
        // A new one for every try: what was answered to the one before may come late.
        const nonce = randomBytes(16).toString('hex');
        const body = checkInBody(report, clientVersion, nonce);
        const asked = await request('POST', clientPath(report.machine.id, '/updates'), { token, body });
        const { answer, ...response } = await ask(carrier, asked, CheckInAnswer);
        peer = response.peer;
        if (answer === undefined) return unchanged(asked, response.headers, body);
        requireSame(asked, answer.nonce, nonce);
        const { candidates, issuedAt, nonce: _, schema: __, ...advice } = answer;
        addresses = new Map(candidates.map(({ sha256, url }) => [sha256, url]));
        return {
          issuedAt,
          advice: {
            ...advice,
            kernel: report.machine.kernel,
            candidates: candidates.map(({ url: _, ...candidate }) => candidate),
          },
        };
      }),
    async *fetch(candidate, token) {
      const url = addresses.get(candidate.sha256);
      if (url === undefined) {
        throw new LivepatchError(
          'general',
          `the server has not named patch ${candidate.version} in this run`,
        );
      }
      const { sha256, size } = candidate;
      const { tlsPatchDownload: onlyTls } = config;
      yield* download(carrier, await base(), { url, sha256, size }, { token, onlyTls, peer });
    },
    async cves(machine, token, known) {
      return fetchCves(
        carrier,
        await request('GET', clientPath(machine.id, '/cves'), { token, timeLimit: cvesTime }),
        known,
      );
    },
    registry: {
      async support({ architecture, kernel }) {
        const query = new URLSearchParams({ 'kernel-version': kernel, architecture });
        const make = () => request('GET', `v1/api/kernels/supported?${query}`);
        return (await required(make, SupportedAnswer)).Supported;
      },
      async register(machine, token) {
        const body = registerRequest(machine, clientVersion);
        const make = () => request('POST', clientPath(machine.id), { token, body });
        return new Secret((await required(make, RegisterAnswer)).machineToken);
      },
      async unregister(machineId, token) {
        await ask(carrier, await request('DELETE', clientPath(machineId), { token }), v.unknown());
      },
      async ping(ping, { architecture }) {
        const body: v.InferOutput<typeof PingRequest> = { schema: SCHEMA, architecture, ...ping };
        await exchange(carrier, await request('POST', 'v1/pings', { body, timeLimit: pingTime }), [204]);
      },
    },
  };
}

function clientPath(machineId: string, rest = ''): string {
  return `v1/client/${machineId}${rest}`;
}

/** What a check-in tells of the machine, field by field: nothing else ever leaves it. */
function checkInBody(report: MachineReport, clientVersion: string, nonce: string): CheckIn {
  const { machine, patch, lastCheck, known, cutoffDate, patchDelay } = report;
  return {
    schema: SCHEMA,
    clientVersion,
    machineId: machine.id,
    architecture: machine.architecture,
    cpuModel: machine.cpuModel,
    kernel: machine.kernel,
    bootTime: machine.bootTime,
    uptimeSeconds: machine.uptimeSeconds,
    patch: patch && { version: patch.version, state: patch.state },
    lastCheck,
    nonce,
    known,
    cutoffDate,
    patchDelay,
  };
}

/**
 * Somebody on the way, or a cache, that sends an old answer once more could keep a machine at an old patch for ever. A
 * serial number in place of the nonce could be turned to its end by one answer.
 */
function requireSame(request: Request, answered: string, nonce: string): void {
  if (answered === nonce) return;
  throw badAnswer(request, 'it is not to this check-in: an old one was replayed', {
    hint: 'Does a cache or a proxy stand before remote-server?',
  });
}

const UnchangedHeaders = v.object({ [NONCE_HEADER]: v.string(), [ISSUED_AT_HEADER]: Time });

/** 204: everything is as this machine knows it. */
function unchanged(
  request: Request,
  headers: unknown,
  { known, nonce }: CheckIn,
): {
  issuedAt: string;
  advice: 'unchanged';
} {
  if (known === undefined) throw badAnswer(request, 'a 204 says "as before", but this machine knows nothing');
  const result = v.safeParse(UnchangedHeaders, headers);
  if (!result.success) throw badAnswer(request, 'a 204 must carry its nonce and time');
  requireSame(request, result.output[NONCE_HEADER], nonce);
  return { issuedAt: result.output[ISSUED_AT_HEADER], advice: 'unchanged' };
}
