import { onTestFinished } from 'vitest';
import { type StaticHost, serveFiles } from './serve-files.ts';

/** A static host on loopback, closed when the test ends. */
export async function staticHost(files: Map<string, Buffer>): Promise<StaticHost> {
  const host = await serveFiles(files);
  onTestFinished(() => host.close());
  return host;
}
