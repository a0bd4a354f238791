import { stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import got from 'got';
import { beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';
import { issueServerCertificate, makeAuthority, makePki, openPki, type ServerCertificate } from './pki.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});

const hosts = ['livepatch.test', '127.0.0.1'];
const DAY = 24 * 60 * 60 * 1000;

/** What a client that trusts only `caPem` makes of a server on 127.0.0.1: `accepted`, or the error's code. */
async function verdict(certificate: ServerCertificate, caPem: string): Promise<string> {
  const server = createServer({ cert: certificate.certPem, key: certificate.keyPem }, (_, response) => {
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await got(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      https: { certificateAuthority: caPem },
      retry: { limit: 0 },
    });
    return 'accepted';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'no code';
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

it('makes a certificate that its CA vouches for, and keys for the owner only', async () => {
  const pki = await makePki(directory, { hosts });

  expect(await verdict(pki, pki.caPem)).toBe('accepted');
  for (const key of ['ca.key', 'server.key']) {
    expect((await stat(join(directory, key))).mode & 0o777).toBe(0o600);
  }
});

it('finds again what it made', async () => {
  const made = await openPki(directory, { hosts });

  expect(await openPki(directory, { hosts })).toEqual(made);
});

it('makes bad certificates of every kind, each refused for its own reason', async () => {
  const authority = await makeAuthority(directory);
  const { caPem } = authority;
  const other = await makeAuthority(join(directory, 'other'));
  const day = (days: number) => new Date(Date.now() + days * DAY);
  const issue = (options: { notBefore?: Date; notAfter?: Date }) =>
    issueServerCertificate(authority, { hosts, ...options });

  expect(await verdict(await issue({}), caPem)).toBe('accepted');
  expect(await verdict(await issue({ notBefore: day(-9), notAfter: day(-1) }), caPem)).toBe(
    'CERT_HAS_EXPIRED',
  );
  expect(await verdict(await issue({ notBefore: day(1), notAfter: day(9) }), caPem)).toBe(
    'CERT_NOT_YET_VALID',
  );
  expect(await verdict(await issueServerCertificate(authority, { hosts: ['other.test'] }), caPem)).toBe(
    'ERR_TLS_CERT_ALTNAME_INVALID',
  );
  expect(await verdict(await issueServerCertificate(other, { hosts }), caPem)).toBe(
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  );
});
