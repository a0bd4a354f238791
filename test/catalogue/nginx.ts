import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

/** A real static host: nginx on loopback with TLS, ETag, Range and gzip, stopped when the test ends. */
export interface Nginx {
  url: URL;
  /** Of its certificate, for ca-certs. */
  ca: string;
  root: string;
  /** Its access log: method, path, status, bytes, user agent, client's address. */
  log(): string[];
}

const PROGRAM = '/usr/sbin/nginx';

/** @param files by path below the root. */
export async function startNginx(files: Map<string, Buffer>): Promise<Nginx> {
  if (!existsSync(PROGRAM)) throw new Error('nginx is missing: run npm run setup');
  const directory = temporaryDirectory();
  const root = join(directory, 'www');
  putFiles(root, files);
  // Of a file that has just changed no tag is believed.
  execFileSync('find', [root, '-type', 'f', '-exec', 'touch', '-d', '1 minute ago', '{}', '+']);
  const at = (name: string) => join(directory, name);
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const out = ['-keyout', at('key.pem'), '-out', at('cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...out], {
    stdio: 'pipe',
  });
  const port = await freePort();
  writeFileSync(at('nginx.conf'), configuration(directory, root, port));
  const child = spawn(PROGRAM, ['-p', directory, '-c', at('nginx.conf'), '-e', at('error.log')], {
    stdio: 'ignore',
  });
  onTestFinished(() => stop(child));
  const log = () => {
    const text = existsSync(at('access.log')) ? readFileSync(at('access.log'), 'utf8') : '';
    return text.split('\n').filter((line) => line !== '');
  };
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`nginx: ${readFileSync(at('error.log'), 'utf8')}`);
    await setTimeout(20);
  }
  return { url: new URL(`https://127.0.0.1:${port}/`), ca: readFileSync(at('cert.pem'), 'utf8'), root, log };
}

export function putFiles(root: string, files: Map<string, Buffer>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
}

function configuration(directory: string, root: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  return `daemon off; master_process off; pid ${directory}/pid;
events {}
http {
  ${temporary.join('\n  ')}
  log_format plain '$request_method $uri $status $body_bytes_sent $http_user_agent $remote_addr';
  access_log ${directory}/access.log plain;
  gzip on; gzip_min_length 0; gzip_types *;
  etag on;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${directory}/cert.pem;
    ssl_certificate_key ${directory}/key.pem;
    root ${root};
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGQUIT');
  await new Promise((resolve) => child.once('exit', resolve));
}
