import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A module-signing key pair, PEM; `certPem` is the content of `certFile`. */
export interface Signer {
  keyFile: string;
  certFile: string;
  certPem: string;
}

/** Makes an RSA-4096/SHA-512 signing certificate, self-signed and good for two days, with its key in `directory`. */
export async function makeSigner(directory: string): Promise<Signer> {
  const config = join(import.meta.dirname, 'signer.cnf');
  const keyFile = join(directory, 'signing-key.pem');
  const certFile = join(directory, 'signing-cert.pem');
  await execa`openssl req -x509 -newkey rsa:4096 -sha512 -nodes -days 2 -config ${config} -keyout ${keyFile} -out ${certFile}`;
  return { keyFile, certFile, certPem: await readFile(certFile, 'utf8') };
}
