import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';

/** A server of bytes: TLS if it is given a certificate. @returns its port. */
export async function startRawServer(talk: (socket: Socket) => void, tls?: TlsOptions): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = tls === undefined ? createTcpServer() : createTlsServer(tls);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    socket.on('error', () => {});
    talk(socket);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Answers each request with these bytes, whatever they are, and ends the connection or holds it. */
export function say(...pieces: (string | Buffer)[]): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => {
      for (const piece of pieces) socket.write(piece);
      socket.end();
    });
  };
}

/** Writes until nobody listens any more. */
export function pour(stream: Socket | ServerResponse, piece: string | Buffer, every?: number): void {
  if (every !== undefined) {
    const timer = setInterval(() => stream.write(piece), every);
    stream.once('close', () => clearInterval(timer));
    return;
  }
  const flow = (): void => {
    while (!stream.destroyed && stream.write(piece));
    if (!stream.destroyed) stream.once('drain', flow);
  };
  flow();
}
