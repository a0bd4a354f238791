import { during, LivepatchError, messageOf } from '../errors.ts';
import type { Examination } from '../patch/examine.ts';
import type { Trust } from '../patch/trust.ts';
import { isWithdrawn } from '../policy/choose.ts';
import type { Verification } from '../report/verification.ts';
import { openInputFile, readCertificateFiles } from '../store/input-files.ts';
import type { Advice, TrustAnchor } from '../types.ts';
import type { Context } from './context.ts';
import { revokedBy, trustAnchors } from './trust.ts';

export interface VerifyOptions {
  /** File or directory of certificates; undefined for the pinned ones. */
  keys: string | undefined;
  allowSha256: boolean;
}

/**
 * Verifies module and patch files of any kernel, one after the other, without root and without touching anything. A
 * file that cannot be read is refused like one that is not signed; the others are verified all the same. What the
 * server has taken back, as far as it told this machine, is refused; when that is not known, a person is told so.
 * @throws LivepatchError before the first file: `trust-anchors`, `storage` or `config` when there are no certificates.
 */
export async function* verify(
  context: Context,
  files: readonly string[],
  { keys, allowSha256 }: VerifyOptions,
): AsyncGenerator<Verification> {
  const anchors = keys === undefined ? await pinnedAnchors(context) : await givenAnchors(keys);
  const advice = lastAdvice(context);
  const trust: Trust = {
    anchors,
    allowSha256,
    revoked: revokedBy({ withdrawn: [], revokedKeys: [], ...advice }),
  };
  for (const file of files) {
    const examination = await examineFile(file, trust);
    const refusal = examination.refusal ?? objection(examination, advice);
    yield verificationOf(file, { ...examination, ...(refusal && { refusal }) }, context.now());
  }
}

/** What the source last told this machine of withdrawn patches and revoked keys. */
function lastAdvice({ store, warn }: Context): Pick<Advice, 'revokedKeys' | 'withdrawn'> | undefined {
  try {
    const { advice } = store.state.read();
    if (advice === undefined)
      warn('withdrawn patches were not considered: no server ever told this machine any');
    return advice;
  } catch (error) {
    warn(`withdrawn patches were not considered: ${messageOf(error)}`);
    return undefined;
  }
}

/** Withdrawal goes by the digest of the module, whatever kernel it is for. */
function objection(
  { metadata }: Examination,
  advice: Parameters<typeof isWithdrawn>[1]['advice'],
): LivepatchError | undefined {
  if (metadata === undefined || !isWithdrawn(metadata, { advice })) return undefined;
  return new LivepatchError('signature', `patch ${metadata.version} was withdrawn`);
}

/** Anybody may verify, but only root can read the configuration. */
async function pinnedAnchors({ store }: Context): Promise<TrustAnchor[]> {
  try {
    return await trustAnchors(store, store.config.read());
  } catch (cause) {
    const { code, message } = during('cannot verify against the pinned certificates', cause);
    throw new LivepatchError(code, message, {
      hint: 'Name the certificates to verify against with --keys.',
      cause,
    });
  }
}

async function givenAnchors(keys: string): Promise<TrustAnchor[]> {
  const { parseCertificates } = await import('../patch/trust.ts');
  return readCertificateFiles(keys).flatMap(({ source, bytes }) => parseCertificates(bytes, source));
}

async function examineFile(path: string, trust: Trust): Promise<Examination> {
  const { examine } = await import('../patch/examine.ts');
  try {
    using file = openInputFile(path);
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
): Verification {
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
    digest: signed?.digest ?? null,
    livepatch: module?.livepatch ?? null,
    module: module?.name ?? metadata?.module ?? null,
    kernel: metadata?.kernel ?? module?.release ?? null,
    version: metadata?.version ?? null,
    fixes: metadata?.fixes ?? [],
    verdict: refusal === undefined ? 'accepted' : 'refused',
    reason: refusal?.message ?? null,
  };
}
