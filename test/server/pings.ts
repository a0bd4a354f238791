import { PingRequest } from '../../src/source/server/messages.ts';
import { type Call, type Reply, readBody } from './http.ts';

/** `POST /v1/pings`: from anybody, for nobody may be asked who it is. */
export async function ping(call: Call): Promise<Reply> {
  const { architecture, ...ping } = await readBody(call, PingRequest);
  call.database.countPing(architecture, ping);
  return { status: 204 };
}
