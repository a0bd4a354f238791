import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** A line to a host that breaks once, after so many bytes have come back over one connection. */
export async function breakingLine(host: URL, after: number): Promise<URL> {
  let isWhole = true;
  const server = createServer((near) => {
    const far = connect(Number(host.port), host.hostname);
    let passed = 0;
    far.on('data', (bytes: Buffer) => {
      passed += bytes.length;
      const excess = isWhole ? Math.max(passed - after, 0) : 0;
      near.write(bytes.subarray(0, bytes.length - excess));
      if (excess === 0) return;
      isWhole = false;
      far.destroy();
      near.end();
    });
    near.on('data', (bytes) => far.write(bytes));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroySoon());
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const line = new URL(host);
  line.port = String((server.address() as AddressInfo).port);
  return line;
}
