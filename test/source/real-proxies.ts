import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { issueServerCertificate, type Pki } from '../server/pki.ts';
import { temporaryDirectory } from '../temporary.ts';

/** Each leaves by an address of its own, so that a server sees who came through which. */
export const EXITS = { http: '127.0.0.5', dante: '127.0.0.6', socks5: '127.0.0.7' };

const USER = 'fleet';
/** tinyproxy takes letters, digits and dashes only. */
export const PASSWORDS = { http: 'pr0xy-secret', socks5: 'pr0xy/s@cret:100%' };

/** As they stand in a URL. */
export const CREDENTIALS = {
  http: `${USER}:${PASSWORDS.http}`,
  socks5: `${USER}:${encodeURIComponent(PASSWORDS.socks5)}`,
};

/** tinyproxy: forwards http, tunnels everything else. @returns its port. */
export async function startHttpProxy(options: { auth?: boolean } = {}): Promise<number> {
  const port = await freePort();
  const config = join(temporaryDirectory(), 'tinyproxy.conf');
  await writeFile(
    config,
    [
      `Port ${port}`,
      'Listen 127.0.0.1',
      `Bind ${EXITS.http}`,
      'Timeout 10',
      'LogLevel Critical',
      ...(options.auth ? [`BasicAuth ${USER} ${PASSWORDS.http}`] : []),
      '',
    ].join('\n'),
  );
  await start('tinyproxy', ['-d', '-c', config], port);
  return port;
}

/** stunnel: TLS with a certificate for `hosts`, in front of another proxy. @returns its port. */
export async function startTlsFront(behind: number, pki: Pki, hosts = ['127.0.0.1']): Promise<number> {
  const port = await freePort();
  const directory = temporaryDirectory();
  const { certPem, keyPem } = await issueServerCertificate(pki.authority, { hosts });
  await writeFile(join(directory, 'both.pem'), certPem + keyPem, { mode: 0o600 });
  const config = join(directory, 'stunnel.conf');
  await writeFile(
    config,
    [
      'foreground = yes',
      'pid =',
      'syslog = no',
      '[proxy]',
      `accept = 127.0.0.1:${port}`,
      `connect = 127.0.0.1:${behind}`,
      `cert = ${join(directory, 'both.pem')}`,
      '',
    ].join('\n'),
  );
  await start('stunnel4', [config], port);
  return port;
}

const DANTE = '/usr/sbin/danted';
export const hasDante = existsSync(DANTE);

/**
 * dante: SOCKS 5 (RFC 1928), without a password, for it knows no users but the system's own. Made of processes that
 * share memory, which it gives back when it is asked to end. @returns its port.
 */
export async function startDante(): Promise<number> {
  const port = await freePort();
  const directory = temporaryDirectory();
  const config = join(directory, 'danted.conf');
  await writeFile(
    config,
    [
      'logoutput: stderr',
      `internal: 127.0.0.1 port = ${port}`,
      `external: ${EXITS.dante}`,
      'clientmethod: none',
      'socksmethod: none',
      'client pass { from: 127.0.0.1/32 to: 127.0.0.1/32 }',
      'socks pass { from: 127.0.0.1/32 to: 127.0.0.0/8 command: connect }',
      '',
    ].join('\n'),
  );
  const args = ['-N', '1', '-f', config, '-p', join(directory, 'pid')];
  await start(DANTE, args, port, 'SIGTERM');
  return port;
}

/** microsocks: SOCKS 5 with a user and password (RFC 1929) of its own. @returns its port. */
export async function startMicrosocks(): Promise<number> {
  const port = await freePort();
  const auth = ['-u', USER, '-P', PASSWORDS.socks5];
  await start('microsocks', ['-i', '127.0.0.1', '-p', String(port), '-b', EXITS.socks5, ...auth], port);
  return port;
}

async function start(
  command: string,
  args: string[],
  port: number,
  killSignal: NodeJS.Signals = 'SIGKILL',
): Promise<void> {
  const stop = new AbortController();
  const child = execa(command, args, {
    reject: false,
    all: true,
    cancelSignal: stop.signal,
    killSignal,
  });
  let ended = false;
  child.then(() => {
    ended = true;
  });
  onTestFinished(async () => {
    stop.abort();
    await child;
  });
  const deadline = Date.now() + 10_000;
  while (!(await answers(port))) {
    if (ended) throw new Error(`${command} ended: ${(await child).all}`);
    if (Date.now() > deadline) throw new Error(`${command} does not answer`);
    await setTimeout(20);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A port of the loopback where nobody listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
