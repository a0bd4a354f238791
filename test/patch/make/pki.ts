import { execFileSync } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
  /** Further arguments to `openssl req`. */
  extra?: string[];
}

/** A self-signed certificate as kernel builders make them. Made by openssl, so that no code of ours vouches for itself. */
export function makeSigner({
  newkey = 'rsa:2048',
  subject = '/O=Test/CN=Signer',
  extra = [],
}: SignerOptions = {}): Signer {
  return inTemporaryDirectory((directory) => {
    const [keyFile, certificateFile] = [join(directory, 'key'), join(directory, 'certificate')];
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
    execFileSync(
      'openssl',
      ['req', '-x509', '-sha512', '-newkey', ...newkey.split(' '), ...options, ...extra],
      {
        stdio: 'pipe',
      },
    );
    const keyPem = readFileSync(keyFile, 'utf8');
    const pem = readFileSync(certificateFile, 'utf8');
    return { pem, der: derOf(pem), key: createPrivateKey(keyPem), keyPem };
  });
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
