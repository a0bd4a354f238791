import { during, LivepatchError, messageOf } from '../errors.ts';
import type { Examination } from '../patch/examine.ts';
import type { Revoked, Trust } from '../patch/trust.ts';
import type { Verification } from '../report/verification.ts';
import {
  openInputFile,
  type ReusableMemory,
  readCertificateFiles,
  reusableMemory,
} from '../store/input-files.ts';
import type { TrustAnchor } from '../types.ts';
import type { Context } from './context.ts';
import { revokedBy, trustAnchors } from './trust.ts';

export interface VerifyOptions {
  /** File or directory of certificates; undefined for the pinned ones. */
  keys: string | undefined;
  allowSha256: boolean;
  /** Whether anybody will read the digests: over a signature on SHA-256 each costs a second pass over the module. */
  withDigest: boolean;
}

/**
 * Verifies module and patch files of any kernel, one after the other, without root and without touching anything. A
 * file that cannot be read is refused like one that is not signed; the others are verified all the same. A patch that
 * was withdrawn or whose key was revoked, as far as this machine was told, is refused; when that is not known, a person
 * is told so.
 * @throws LivepatchError before the first file: `trust-anchors`, `storage` or `config` when there are no certificates.
 */
export async function* verify(
  context: Context,
  files: readonly string[],
  { keys, allowSha256, withDigest }: VerifyOptions,
): AsyncGenerator<Verification> {
  const anchors = keys === undefined ? await pinnedAnchors(context) : await givenAnchors(keys);
  const trust: Trust = { anchors, allowSha256, revoked: lastRevoked(context) };
  const memory = reusableMemory();
  for (const path of files) {
    const examination = await examineFile(path, memory, trust);
    const digest = (withDigest && examination.signed?.digest) || null;
    yield { ...verificationOf(path, examination, context.now()), digest };
  }
}

/** What the source last told this machine of withdrawn patches and revoked keys. */
function lastRevoked({ store, warn }: Context): Revoked | undefined {
  try {
    const { advice } = store.state.read();
    if (advice !== undefined) return revokedBy(advice);
    warn('withdrawn patches and revoked keys are not known here: this machine has never checked in');
  } catch (error) {
    warn(`withdrawn patches and revoked keys are not known here: ${messageOf(error)}`);
  }
  return undefined;
}

/** Anybody may verify, but only root can read the configuration: anybody else goes by what the package ships. */
async function pinnedAnchors(context: Context): Promise<TrustAnchor[]> {
  const { store, warn } = context;
  try {
    const signingCerts = configuredCerts(context);
    const anchors = await trustAnchors(store, { signingCerts: signingCerts ?? '' });
    if (signingCerts === undefined)
      warn('certificates of signing-certs do not count: only root may read them');
    return anchors;
  } catch (cause) {
    const { code, message } = during('cannot verify against the pinned certificates', cause);
    throw new LivepatchError(code, message, {
      hint: 'Name the certificates to verify against with --keys.',
      cause,
    });
  }
}

/** undefined when only root may read them, and there are others. @throws LivepatchError `config` */
function configuredCerts({ store }: Context): string | undefined {
  try {
    return store.config.read().signingCerts;
  } catch (error) {
    if ((error as LivepatchError).code !== 'no-permission' || store.shippedCertificates().length === 0)
      throw error;
    return undefined;
  }
}

async function givenAnchors(keys: string): Promise<TrustAnchor[]> {
  const { parseCertificates } = await import('../patch/trust.ts');
  return readCertificateFiles(keys).flatMap(({ source, bytes }) => parseCertificates(bytes, source));
}

async function examineFile(path: string, memory: ReusableMemory, trust: Trust): Promise<Examination> {
  const { examine } = await import('../patch/examine.ts');
  try {
    using file = openInputFile(path, memory);
    return await examine(file, trust);
  } catch (refusal) {
    if (refusal instanceof LivepatchError) return { refusal };
    throw refusal;
  }
}

function verificationOf(
  file: string,
  { kind, signature, signed, module, metadata, refusal }: Examination,
  now: Date,
): Omit<Verification, 'digest'> {
  return {
    file,
    kind: kind ?? null,
    signature: signature ?? null,
    signer:
      signed === undefined
        ? null
        : {
            subject: signed.signer.subject,
            fingerprint: signed.signer.fingerprint,
            'not-after': signed.signer.notAfter,
            expired: new Date(signed.signer.notAfter) < now,
          },
    livepatch: module?.livepatch ?? null,
    module: module?.name ?? metadata?.module ?? null,
    kernel: metadata?.kernel ?? module?.release ?? null,
    version: metadata?.version ?? null,
    fixes: metadata?.fixes ?? [],
    verdict: refusal === undefined ? 'accepted' : 'refused',
    reason: refusal?.message ?? null,
  };
}
