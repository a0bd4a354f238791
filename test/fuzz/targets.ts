import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ErrorCode, LivepatchError } from '../../src/errors.ts';
import { findFault } from '../../src/kernel/faults.ts';
import { unpack } from '../../src/patch/compression.ts';
import { parseMetadata } from '../../src/patch/metadata.ts';
import { readModule } from '../../src/patch/module.ts';
import { openPatch } from '../../src/patch/patch.ts';
import { parseSignature, verifySignedModule } from '../../src/patch/signature.ts';
import { readTar } from '../../src/patch/tar.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import { formatIndex, parseIndex } from '../../src/source/catalogue/kernel-index.ts';
import { parse, type Request } from '../../src/source/server/exchange.ts';
import { CheckInAnswer } from '../../src/source/server/messages.ts';
import { append, integer, NULL, OIDS, oid, sequence, set, tlv } from '../patch/make/cms.ts';
import { MACHINE } from '../patch/make/patch.ts';
import { pieces } from '../patch/make/tar.ts';
import type { Random } from './mutate.ts';
import { mutateDer } from './mutate-der.ts';

/** A parser of untrusted bytes, and what must be true of it for any input. */
export interface Target {
  name: string;
  /** The codes it may refuse with. */
  codes: readonly ErrorCode[];
  /** Reads the input. Refuses by throwing LivepatchError; anything else that it throws is a finding. */
  read(input: Buffer): unknown;
  /** Changes an input with its format in mind; taken in turn with mutations that know of none. */
  mutate?(input: Buffer, crossed: Buffer, random: Random): Buffer;
  /** Makes a mutated input good enough to get past the first check. */
  repair?(input: Buffer): Buffer;
}

const CORPUS = join(import.meta.dirname, 'corpus');

/** The inputs that a target starts from: each is accepted, or once was a finding. */
export function corpusOf({ name }: Pick<Target, 'name'>): Buffer[] {
  const directory = join(CORPUS, name);
  return readdirSync(directory).map((file) => readFileSync(join(directory, file)));
}

const anchors = corpusOf({ name: 'certificates' }).flatMap((bytes) => parseCertificates(bytes, 'corpus'));
const signedModules = corpusOf({ name: 'signed-module' });

export const TARGETS: readonly Target[] = [
  { name: 'trailer', codes: ['signature'], read: trailer },
  { name: 'signature', codes: ['signature'], read: signature, mutate: mutateDer },
  { name: 'signed-module', codes: ['signature'], read: signedModule, mutate: mutateSignature },
  {
    name: 'certificates',
    codes: ['trust-anchors'],
    read: (input) => parseCertificates(input, 'some.pem'),
    mutate: mutateDer,
  },
  { name: 'module', codes: ['module'], read: readModule },
  { name: 'metadata', codes: ['metadata'], read: parseMetadata },
  { name: 'tar', codes: ['archive'], read: tar, repair: withChecksums },
  ...['gzip', 'zstd'].map((name): Target => ({ name, codes: ['archive'], read: drain })),
  {
    name: 'patch',
    codes: ['archive', 'metadata', 'kernel-mismatch', 'signature', 'module'],
    read: patch,
    repair: withChecksums,
  },
  { name: 'answer', codes: ['bad-answer'], read: answer },
  { name: 'index', codes: ['bad-answer'], read: index },
  { name: 'kernel-log', codes: [], read: kernelLog },
];

/** Whether the target accepts the input. Throws when it breaks a promise. */
export async function accepts({ read, codes }: Target, input: Buffer): Promise<boolean> {
  try {
    await read(input);
    return true;
  } catch (error) {
    if (!(error instanceof LivepatchError) || !codes.includes(error.code)) throw error;
    // What a stranger wrote must not reach a terminal or a log as it is.
    assert.match(error.message, /^[\x20-\x7e]{1,200}$/, 'a message that is too long, or not plain text');
    return false;
  }
}

/** Taken apart and put together again, a file is the same. */
function trailer(input: Buffer): void {
  const { content, signature } = splitSignedModule(input);
  assert.deepEqual(signature === undefined ? Buffer.from(content) : append(content, signature), input);
}

/** There is one encoding of what was read, or two: older OpenSSL wrote NULL as the digest's parameters. */
function signature(input: Buffer): void {
  const { signer, digest, value } = parseSignature(input);
  const byKey = 'subjectKeyId' in signer;
  const version = integer(byKey ? '03' : '01');
  const sid = byKey ? tlv(0x80, signer.subjectKeyId) : sequence(signer.issuer, tlv(0x02, signer.serial));
  const encodings = [[], [NULL]].map((parameters) => {
    const algorithm = sequence(oid(OIDS[digest.name]), ...parameters);
    const rsa = sequence(oid(OIDS.rsa), NULL);
    const signerInfo = sequence(version, sid, algorithm, rsa, tlv(0x04, value));
    const signedData = sequence(version, set(algorithm), sequence(oid(OIDS.data)), set(signerInfo));
    return sequence(oid(OIDS.signedData), tlv(0xa0, signedData));
  });
  assert.ok(
    encodings.some((encoding) => encoding.equals(input)),
    'another encoding of the same signature',
  );
}

/** Nobody can make another file that is accepted from those that are. */
function signedModule(input: Buffer): void {
  verifySignedModule(input, anchors, { allowSha256: true });
  assert.ok(
    signedModules.some((known) => known.equals(input)),
    'a signed module that nobody signed',
  );
}

/** The signature in a signed module changed, the rest as it was. */
function mutateSignature(input: Buffer, crossed: Buffer, random: Random): Buffer {
  try {
    const [of, by] = [splitSignedModule(input), splitSignedModule(crossed)];
    if (of.signature === undefined || by.signature === undefined) return input;
    return append(of.content, mutateDer(of.signature, by.signature, random));
  } catch {
    return input;
  }
}

async function tar(input: Buffer): Promise<void> {
  await readTar(pieces(input), ({ size }) => {
    if (size > input.length) throw new LivepatchError('archive', 'larger than the archive');
    return new Uint8Array(size);
  });
}

async function drain(input: Buffer): Promise<void> {
  for await (const _ of unpack(pieces(input)));
}

/** The whole way, from a file that somebody packed to what would be handed to the kernel. */
async function patch(input: Buffer): Promise<void> {
  const archive = pieces(gzipSync(input, { level: 1 }));
  const { module } = await openPatch(archive, MACHINE, { anchors, allowSha256: true });
  assert.ok(
    signedModules.some((known) => known.equals(module)),
    'a patch that nobody signed',
  );
}

const REQUEST: Request = { method: 'POST', url: new URL('https://livepatch.test'), timeLimit: 0 };

/** What a server says at a check-in: read again from what was understood, it is the same. */
function answer(input: Buffer): void {
  const read = (text: string) => parse(REQUEST, text, CheckInAnswer);
  const understood = read(input.toString());
  assert.deepEqual(read(JSON.stringify(understood)), understood);
}

/** A catalogue's index of a kernel. */
function index(input: Buffer): void {
  const read = (bytes: Uint8Array) => {
    try {
      return parseIndex(bytes);
    } catch (error) {
      // Its own refusal, and no other error of the program.
      if ((error as Error).constructor !== Error) throw error;
      throw new LivepatchError('bad-answer', (error as Error).message);
    }
  };
  const understood = read(input);
  assert.deepEqual(read(formatIndex(understood)), understood);
}

/** Nothing that a process writes into the kernel's log accuses a patch, and nothing that the kernel says is too much. */
function kernelLog(input: Buffer): void {
  const texts = input.toString('latin1').split('\n');
  const records = (facility: number) => texts.map((text) => ({ facility, level: 4, seconds: 1, text }));
  const suspect = { module: 'lkp_test', functions: [{ object: 'vmlinux', name: 'version_proc_show' }] };
  assert.equal(findFault(records(1), suspect), undefined);
  findFault(records(0), suspect);
}

/** Without it hardly a mutated tar header would be looked into. */
function withChecksums(input: Buffer): Buffer {
  for (let at = 0; at + 512 <= input.length; at += 512) {
    const header = input.subarray(at, at + 512);
    if (header.toString('latin1', 257, 262) !== 'ustar') continue;
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return input;
}
