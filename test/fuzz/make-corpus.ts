import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { formatIndex } from '../../src/source/catalogue/kernel-index.ts';
import { indexOf, listed } from '../catalogue/make.ts';
import { FAULTS } from '../kernel/fault-logs.ts';
import { append } from '../patch/make/cms.ts';
import { makeModule } from '../patch/make/elf.ts';
import { METADATA, patchFile } from '../patch/make/patch.ts';
import { makeSigner, opensslSign } from '../patch/make/pki.ts';
import { type Entry, tar } from '../patch/make/tar.ts';

/**
 * `node test/fuzz/make-corpus.ts [target…]`: makes the corpus of these targets anew, or of all, but for what was added to it after a finding. The private keys are
 * thrown away, so that nobody can sign what the fuzzer would then call a forgery.
 */
const alice = makeSigner({ subject: '/O=Test/CN=Alice' });
const bob = makeSigner({ subject: '/O=Test/CN=Bob', newkey: 'rsa:3072' });

const module = makeModule();
const signatures: Record<string, Buffer> = {
  'issuer-and-serial': opensslSign(module, alice),
  'key-id': opensslSign(module, alice, '-keyid'),
  sha256: opensslSign(module, bob, '-md', 'sha256'),
};
const signed = Object.fromEntries(
  Object.entries(signatures).map(([name, signature]) => [name, append(module, signature)]),
);
const pax: Entry = { name: 'pax', type: 'x', body: '20 mtime=1761998400\n' };
const packed = tar(
  { name: 'd/', type: '5' },
  pax,
  { name: 'd/f', body: 'body '.repeat(200) },
  { name: 'g', prefix: 'd', body: 'x' },
);
const protocol = readFileSync(join(import.meta.dirname, '../../PROTOCOL.md'), 'utf8');
const [answer = '', ...answers] = [...protocol.matchAll(/^```json CheckInAnswer\n(.*?)^```$/gms)].map(
  ([, text = '']) => text,
);
const index = indexOf([listed('122.1'), listed('121.1')]);

const CORPUS: Record<string, Record<string, Uint8Array | string>> = {
  trailer: { unsigned: 'a module', signed: append(Buffer.from('a module'), Buffer.from('a signature')) },
  signature: signatures,
  'signed-module': signed,
  certificates: {
    'alice.der': alice.der,
    'alice.pem': alice.pem,
    'both.pem': `Bob\n${bob.pem}Alice\n${alice.pem}`,
  },
  module: {
    amd64: module,
    arm64: makeModule({ machine: 183 }),
    s390x: makeModule({ machine: 22, bigEndian: true }),
  },
  metadata: {
    full: JSON.stringify(METADATA),
    'without-fixes': JSON.stringify({ ...METADATA, fixes: [] }, null, 2),
  },
  tar: {
    ustar: packed,
    gnu: tar(
      { name: 'd/', type: '5', magic: 'ustar  \0' },
      { name: 'd/f', magic: 'ustar  \0', body: 'body' },
    ),
  },
  gzip: { one: gzipSync(packed), two: Buffer.concat([gzipSync('one'), gzipSync('two', { level: 0 })]) },
  zstd: {
    checksum: zstdCompressSync(packed, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    plain: zstdCompressSync(packed, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }),
  },
  patch: Object.fromEntries(
    Object.entries(signed).map(([name, file]) => [name, gunzipSync(patchFile(alice, file))]),
  ),
  answer: { full: answer, other: answers.join('') },
  index: { full: formatIndex(index), empty: formatIndex({ ...index, patches: [], withdrawn: [] }) },
  'kernel-log': Object.fromEntries(
    Object.entries(FAULTS).map(([name, lines]) => [name.replaceAll(/[^a-z0-9]+/gi, '-'), lines.join('\n')]),
  ),
};

const wanted = process.argv.slice(2);
for (const [target, inputs] of Object.entries(CORPUS)) {
  if (wanted.length > 0 && !wanted.includes(target)) continue;
  const directory = join(import.meta.dirname, 'corpus', target);
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of Object.entries(inputs)) writeFileSync(join(directory, name), bytes);
}
