import type { IncomingMessage, ServerResponse } from 'node:http';
import type { livepatchServer } from '../../src/source/server/client.ts';
import type { Scene } from '../server/scene.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

type SourceConfig = Parameters<typeof livepatchServer>[0];

/** What a client of the scene's server is configured with. */
export function sourceConfig({ pki, server }: Scene, changes: Partial<SourceConfig> = {}): SourceConfig {
  return {
    remoteServer: new URL(server.url),
    tlsPatchDownload: false,
    caCerts: pki.caPem,
    dialTimeout: 5000,
    httpProxy: '',
    httpsProxy: '',
    noProxy: '',
    ...changes,
  };
}
