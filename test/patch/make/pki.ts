import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { cacheDirectory } from '../../kernel/debian-kernel.ts';

/** A signing certificate of a test's own making, as PEM and DER, and its private key. */
export interface Signer {
  pem: string;
  der: Buffer;
  key: KeyObject;
  keyPem: string;
}

/** A directory of the test's own; gone when `use` is done. */
function inTemporaryDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'livepatch-pki-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export interface SignerOptions {
  /** `rsa:2048`, `ec`, `rsa-pss`: what `openssl req -newkey` takes. */
  newkey?: string;
  subject?: string;
  /** Whose key signs the certificate, be it a CA or not; its own does by default. */
  issuer?: Signer;
  /** Further arguments to `openssl req`. */
  extra?: string[];
}

/** A certificate as kernel builders make them. Made by openssl, so that no code of ours vouches for itself. */
export function makeSigner(options: SignerOptions = {}): Signer {
  return readSigner(generate(options));
}

/**
 * The same for the same options: finding RSA keys takes seconds, so what was made once on this machine is kept in the
 * cache. For tests that want many signers.
 */
export function keptSigner(options: SignerOptions): Signer {
  const identity = JSON.stringify({ ...options, issuer: options.issuer?.pem });
  const name = `${createHash('sha256').update(identity).digest('hex')}.pem`;
  const kept = join(cacheDirectory, 'signers', name);
  if (!existsSync(kept)) {
    mkdirSync(dirname(kept), { recursive: true });
    const made = `${kept}.${process.pid}.${threadId}`;
    writeFileSync(made, generate(options), { mode: 0o600 });
    renameSync(made, kept);
  }
  return readSigner(readFileSync(kept, 'utf8'));
}

/** A private key and its certificate, PEM. */
function generate({ newkey = 'rsa:2048', subject = '/O=Test/CN=Signer', issuer, extra = [] }: SignerOptions) {
  return inTemporaryDirectory((directory) => {
    const keyFile = join(directory, 'key');
    const certificateFile = join(directory, 'certificate');
    const issuerFile = join(directory, 'issuer');
    const options = [
      '-nodes',
      '-keyout',
      keyFile,
      '-out',
      certificateFile,
      '-subj',
      subject,
      '-days',
      '3650',
    ];
    if (issuer !== undefined) {
      writeFileSync(issuerFile, issuer.pem + issuer.keyPem, { mode: 0o600 });
      options.push('-CA', issuerFile, '-CAkey', issuerFile);
    }
    execFileSync(
      'openssl',
      ['req', '-x509', '-sha512', '-newkey', ...newkey.split(' '), ...options, ...extra],
      { stdio: 'pipe' },
    );
    return readFileSync(keyFile, 'utf8') + readFileSync(certificateFile, 'utf8');
  });
}

function readSigner(text: string): Signer {
  const [keyPem = '', pem = ''] = text.split(/(?<=^-----END .*PRIVATE KEY-----\n)/m);
  return { pem, der: derOf(pem), key: createPrivateKey(keyPem), keyPem };
}

/** The same signer with a certificate that ran out yesterday. */
export function expired(signer: Signer): Signer {
  const pem = inTemporaryDirectory((directory) => {
    const key = join(directory, 'key');
    writeFileSync(key, signer.keyPem, { mode: 0o600 });
    const options = ['-signkey', key, '-days', '-1'];
    return execFileSync('openssl', ['x509', '-sha512', ...options], {
      input: signer.pem,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  });
  return { ...signer, pem, der: derOf(pem) };
}

function derOf(pem: string): Buffer {
  const [, base64 = ''] = /BEGIN CERTIFICATE-----([^-]*)-----END/.exec(pem) ?? [];
  return Buffer.from(base64, 'base64');
}

/** What `sign-file` puts into a module: `openssl cms` with the same flags gives the same bytes. */
export function opensslSign(content: Uint8Array, signer: Signer, ...extra: string[]): Buffer {
  return inTemporaryDirectory((directory) => {
    const file = (name: string, bytes: Uint8Array | string) => {
      writeFileSync(join(directory, name), bytes, { mode: 0o600 });
      return join(directory, name);
    };
    const names = [
      '-signer',
      file('c', signer.pem),
      '-inkey',
      file('k', signer.keyPem),
      '-in',
      file('i', content),
    ];
    return execFileSync(
      'openssl',
      [
        'cms',
        '-sign',
        '-binary',
        '-noattr',
        '-nocerts',
        '-md',
        'sha512',
        '-outform',
        'DER',
        ...names,
        ...extra,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
  });
}

/**
 * Whether `openssl cms -verify` accepts each of these messages over `content`, with these certificates pinned. As the
 * kernel does, it leaves expiry and key usage alone; unlike the kernel, it is told to believe no embedded certificate.
 */
export function opensslVerdicts(
  content: Uint8Array,
  messages: readonly Uint8Array[],
  pinned: readonly Signer[],
): boolean[] {
  return inTemporaryDirectory((cwd) => {
    writeFileSync(join(cwd, 'content'), content);
    writeFileSync(join(cwd, 'pinned'), pinned.map(({ pem }) => pem).join(''));
    for (const [index, message] of messages.entries()) writeFileSync(join(cwd, String(index)), message);
    const verify =
      'openssl cms -verify -binary -inform DER -content content -certfile pinned -nointern -noverify';
    const loop = `for message in $(seq 0 ${messages.length - 1}); do
      ${verify} -in $message >/dev/null 2>&1 && echo good || echo bad
    done`;
    const verdicts = execFileSync('sh', ['-c', loop], { cwd, encoding: 'utf8' }).trim().split('\n');
    return verdicts.map((verdict) => verdict === 'good');
  });
}
