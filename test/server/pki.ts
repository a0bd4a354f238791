import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';

/** A root CA on disk: `ca.pem` and `ca.key` in `directory`. */
export interface Authority {
  directory: string;
  caPem: string;
}

/** What a TLS server presents. */
export interface ServerCertificate {
  certPem: string;
  keyPem: string;
}

export interface Pki extends ServerCertificate {
  authority: Authority;
  caPem: string;
}

/** P-256 is made in milliseconds; RSA would cost seconds a run. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
const DAY = 24 * 60 * 60 * 1000;

/**
 * Makes a root CA and a server certificate for `hosts` (names and IP addresses) in `directory`, as `ca.pem`,
 * `ca.key`, `server.pem` and `server.key`. The keys are 0600.
 */
export async function makePki(directory: string, options: { hosts: string[] }): Promise<Pki> {
  const authority = await makeAuthority(directory);
  const certificate = await issueServerCertificate(authority, options);
  await writeFile(join(directory, 'server.pem'), certificate.certPem);
  await writeFile(join(directory, 'server.key'), certificate.keyPem, { mode: 0o600 });
  return { authority, caPem: authority.caPem, ...certificate };
}

/** The PKI that `makePki` left in `directory`, or a new one where there is none. */
export async function openPki(directory: string, options: { hosts: string[] }): Promise<Pki> {
  if (!existsSync(join(directory, 'server.pem'))) return makePki(directory, options);
  const read = (name: string) => readFile(join(directory, name), 'utf8');
  const caPem = await read('ca.pem');
  return {
    authority: { directory, caPem },
    caPem,
    certPem: await read('server.pem'),
    keyPem: await read('server.key'),
  };
}

/** Makes a root CA in `directory`. Its own certificate, used by a server, is the self-signed one. */
export async function makeAuthority(directory: string): Promise<Authority> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const certificate = join(directory, 'ca.pem');
  await execa`openssl req -x509 ${NEW_KEY}
    -keyout ${join(directory, 'ca.key')}
    -out ${certificate}
    -days 3650
    -subj ${'/CN=Livepatch reference server CA'}
    -addext keyUsage=critical,keyCertSign,cRLSign`;
  return { directory, caPem: await readFile(certificate, 'utf8') };
}

/**
 * Has `authority` issue a server certificate for `hosts`. `notBefore` and `notAfter` default to yesterday and a
 * year from now; with a past `notAfter` it is expired from the start, with other hosts it is the wrong one.
 */
export async function issueServerCertificate(
  authority: Authority,
  options: { hosts: string[]; notBefore?: Date; notAfter?: Date },
): Promise<ServerCertificate> {
  const {
    hosts,
    notBefore = new Date(Date.now() - DAY),
    notAfter = new Date(Date.now() + 365 * DAY),
  } = options;
  const work = await mkdtemp(join(authority.directory, 'issue-'));
  const inWork = (name: string) => join(work, name);
  try {
    await writeFile(inWork('index.txt'), '');
    await writeFile(inWork('ca.cnf'), authorityConfig(work, hosts));
    await execa`openssl req -new ${NEW_KEY}
      -keyout ${inWork('server.key')}
      -out ${inWork('server.csr')}
      -subj ${`/CN=${hosts[0]}`}`;
    // `openssl ca`, not `openssl x509 -req`: before OpenSSL 3.4 only it takes dates.
    await execa`openssl ca -batch -notext
      -config ${inWork('ca.cnf')}
      -cert ${join(authority.directory, 'ca.pem')}
      -keyfile ${join(authority.directory, 'ca.key')}
      -startdate ${asn1Time(notBefore)}
      -enddate ${asn1Time(notAfter)}
      -in ${inWork('server.csr')}
      -out ${inWork('server.pem')}`;
    return {
      certPem: await readFile(inWork('server.pem'), 'utf8'),
      keyPem: await readFile(inWork('server.key'), 'utf8'),
    };
  } finally {
    await rm(work, { recursive: true });
  }
}

function authorityConfig(directory: string, hosts: string[]): string {
  const names = [...new Set(hosts)].map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`);
  return `
[ca]
default_ca = livepatch
[livepatch]
database = ${directory}/index.txt
new_certs_dir = ${directory}
default_md = sha256
rand_serial = yes
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${names.join(', ')}
`;
}

/** GeneralizedTime, RFC 5280 §4.1.2.5.2: `20270319000000Z`. */
function asn1Time(date: Date): string {
  return date.toISOString().replace(/\.\d+|[-:T]/g, '');
}
