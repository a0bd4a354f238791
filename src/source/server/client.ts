import * as v from 'valibot';
import { Time } from '../../schemas.ts';
import { Secret } from '../../secret.ts';
import type { Answer, Config, Machine, Offer, Ping, Support } from '../../types.ts';
import { download } from '../download.ts';
import { NETWORK_DEPS, type NetworkDeps } from '../network-deps.ts';
import { withRetry } from '../retry.ts';
import { type Transport, type TransportConfig, transport } from '../transport.ts';
import { type CvesFetched, fetchCves } from './cves.ts';
import { ask, badAnswer, exchange, type Request } from './exchange.ts';
import {
  type CheckIn,
  CheckInAnswer,
  ISSUED_AT_HEADER,
  type PingRequest,
  RegisterAnswer,
  registerRequest,
  SCHEMA,
  SERIAL_HEADER,
  SupportedAnswer,
} from './messages.ts';

/**
 * The Livepatch server, seen from here. Every method throws LivepatchError `network` when it cannot be reached,
 * `server-refused` when it says no, `bad-answer` when it says something else than was agreed. What may pass is tried
 * again; see retry.ts.
 */
export interface Server {
  /** Asks, without a token, whether the server covers this machine's kernel. */
  support(machine: Machine): Promise<Support>;
  /** @returns the machine token. */
  register(machine: Machine, authToken: Secret): Promise<Secret>;
  checkIn(report: CheckIn, machineToken: Secret): Promise<Answer>;
  /** The bytes of a patch file, to be thrown away when it ends in an error; see download.ts. */
  download(offer: Offer, machineToken: Secret): AsyncIterable<Uint8Array>;
  /** Asks once. @param known the digest of what was fetched before. */
  cves(machineId: string, machineToken: Secret, known: string | undefined): Promise<CvesFetched>;
  /** Tells how a patch fares: without a token, once, and not for long. */
  ping(ping: Ping, machine: Pick<Machine, 'architecture'>): Promise<void>;
  /** Tells the server that this machine's token is done with. Once: whoever leaves does not wait at the door. */
  unregister(machineId: string, machineToken: Secret): Promise<void>;
}

type ServerConfig = TransportConfig & Pick<Config, 'remoteServer' | 'tlsPatchDownload'>;

/** Makes no connection until it is asked something. */
export function livepatchServer(
  config: ServerConfig,
  clientVersion: string,
  changed: Partial<NetworkDeps> = {},
): Server {
  const deps = { ...NETWORK_DEPS, ...changed };
  const carrier = transport(config, `canonical-livepatch/${clientVersion}`, deps);
  const client = (id: string, rest = '') => at(config.remoteServer, `v1/client/${id}${rest}`);
  const { answerTime, cvesTime, pingTime } = deps.limits;
  const timeLimit = config.dialTimeout + answerTime;

  return {
    async support(machine) {
      const url = at(config.remoteServer, 'v1/api/kernels/supported');
      url.searchParams.set('kernel-version', machine.kernel);
      url.searchParams.set('architecture', machine.architecture);
      const answer = await required(carrier, { method: 'GET', url, timeLimit }, SupportedAnswer);
      return answer.Supported;
    },
    async register(machine, token) {
      const url = client(machine.id);
      const body = registerRequest(machine, clientVersion);
      const answer = await required(carrier, { method: 'POST', url, token, body, timeLimit }, RegisterAnswer);
      return new Secret(answer.machineToken);
    },
    async checkIn(body, token) {
      const url = client(body.machineId, '/updates');
      const request: Request = { method: 'POST', url, token, body, timeLimit };
      const { answer, headers } = await withRetry(deps, () => ask(carrier, request, CheckInAnswer));
      if (answer === undefined) return unchanged(request, headers);
      const { serial, issuedAt, ...advice } = answer;
      return { serial, issuedAt, advice };
    },
    download: (offer, token) =>
      download(carrier, config.remoteServer, offer, { token, onlyTls: config.tlsPatchDownload }),
    cves(machineId, token, known) {
      const url = client(machineId, '/cves');
      return fetchCves(carrier, { method: 'GET', url, token, timeLimit: cvesTime }, known);
    },
    async ping(ping, { architecture }) {
      const url = at(config.remoteServer, 'v1/pings');
      const body: v.InferOutput<typeof PingRequest> = { schema: SCHEMA, architecture, ...ping };
      await exchange(carrier, { method: 'POST', url, body, timeLimit: pingTime }, [204]);
    },
    async unregister(machineId, token) {
      await ask(carrier, { method: 'DELETE', url: client(machineId), token, timeLimit }, v.unknown());
    },
  };
}

/** A path below the server's address, which may have a path of its own. */
function at(server: URL, path: string): URL {
  return new URL(path, server.href.endsWith('/') ? server.href : `${server.href}/`);
}

/** An answer that may not be empty. */
async function required<T>(
  carrier: Transport,
  request: Request,
  schema: v.GenericSchema<unknown, T>,
): Promise<T> {
  const { answer } = await withRetry(carrier.deps, () => ask(carrier, request, schema));
  if (answer === undefined) throw badAnswer(request, 'it is empty');
  return answer;
}

const UnchangedHeaders = v.object({
  [SERIAL_HEADER]: v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number)),
  [ISSUED_AT_HEADER]: Time,
});

/** 204: everything is as it was last told. */
function unchanged(request: Request, headers: unknown): Answer {
  const result = v.safeParse(UnchangedHeaders, headers);
  if (!result.success) throw badAnswer(request, 'a 204 must carry its number and time');
  return { serial: result.output[SERIAL_HEADER], issuedAt: result.output[ISSUED_AT_HEADER] };
}
