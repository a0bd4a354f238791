import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  type CheckIn,
  type CheckInAnswer,
  ISSUED_AT_HEADER,
  NONCE_HEADER,
  SCHEMA,
} from '../../src/source/server/messages.ts';

/** A Livepatch server that has no patch for anybody, and after its first answer nothing new. */
export async function quietServer(): Promise<{ url: string; close(): void }> {
  let answered = false;
  const server = createServer(async (request, response) => {
    const { nonce } = request.method === 'POST' ? ((await json(request)) as CheckIn) : { nonce: '' };
    const issuedAt = new Date().toISOString();
    response.setHeader(NONCE_HEADER, nonce).setHeader(ISSUED_AT_HEADER, issuedAt);
    if (answered) {
      response.writeHead(204).end();
      return;
    }
    answered = true;
    const answer: CheckInAnswer = {
      schema: SCHEMA,
      nonce,
      issuedAt,
      support: 'supported',
      tier: 'stable',
      withdrawn: [],
      revokedKeys: [],
      candidates: [],
    };
    response.end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => void server.close(),
  };
}
