import { EXIT_STATUS, LivepatchError } from '../../errors.ts';
import { matchCandidate } from '../../patch/candidate.ts';
import type { Event, Situation } from '../../policy/loop.ts';
import type { Candidate, Patch, ProvenFile } from '../../types.ts';
import { configOf, type The } from '../act.ts';
import { sourceOf, tokenFor } from '../connect.ts';
import type { Session } from '../session.ts';
import { revokedBy, trustAnchors } from '../trust.ts';

/**
 * Downloads a patch file; size and SHA-256 are checked while it arrives.
 * @throws LivepatchError `trust-anchors` before the download: without a certificate nothing could be accepted anyway.
 */
export async function fetch(session: Session, { candidate }: The<'fetch'>): Promise<Event> {
  const { context } = session;
  await trustAnchors(context.store, configOf(session));
  const source = await sourceOf(session);
  context.progress(`downloading patch ${candidate.version} (${candidate.size} bytes)`);
  const bytes = source.fetch(candidate, tokenFor(session));
  await context.store.payloads.receive(candidate.sha256, counted(session, candidate, bytes));
  return { kind: 'fetched', candidate };
}

/** The same bytes; the progress reporter is told how many have come. */
async function* counted(
  { context }: Session,
  { size }: Candidate,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of bytes) {
    received += chunk.length;
    context.transferred?.(received, size);
    yield chunk;
  }
}

/** Reads a file on disk and checks it in full, as if it had just arrived: what lies on a disk may have been changed. */
export async function prove(
  session: Session,
  situation: Situation,
  { expected, sha256 }: The<'prove'>,
): Promise<Event> {
  const { context } = session;
  if (expected !== undefined) context.progress(`verifying patch ${expected.version}`);
  if (!context.store.payloads.isIntact(sha256)) return { kind: 'damaged', sha256, expected };
  try {
    const patch = await open(session, situation, sha256);
    if (expected !== undefined) matchCandidate(expected, patch);
    const byHand = expected !== undefined && 'byHand' in expected ? expected.byHand : undefined;
    return { kind: 'proven', patch: { ...patch, byHand } };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (expected !== undefined) context.store.payloads.remove(sha256);
    else context.progress(`skipping a patch file: ${error.message}`);
    return { kind: 'refused', sha256, expected, error };
  }
}

/** Takes a patch file that was named on the command line in, under the name of its digest. */
export async function takeIn(
  session: Session,
  situation: Situation,
  { file }: The<'take-in'>,
): Promise<Event> {
  const { context } = session;
  const { payloads } = context.store;
  await trustAnchors(context.store, configOf(session));
  context.progress(`verifying ${file === '-' ? 'the patch file on standard input' : file}`);
  const known = new Set(payloads.all());
  const sha256 = await payloads.takeIn(context.readInput(file));
  try {
    const patch = await open(session, situation, sha256);
    return { kind: 'taken-in', patch: { ...patch, byHand: true } };
  } catch (error) {
    if (!known.has(sha256)) payloads.remove(sha256);
    throw error;
  }
}

async function open(session: Session, { state }: Situation, sha256: string): Promise<Patch> {
  const { context, files, machine } = session;
  const { openPatch } = await import('../../patch/patch.ts');
  const file = await openPatch(context.store.payloads.read(sha256), machine, {
    anchors: await trustAnchors(context.store, configOf(session)),
    allowSha256: false,
    revoked: revokedBy(state.advice),
  });
  files.set(file.metadata.digest, file);
  return patchOf(file, sha256);
}

function patchOf({ buildId, metadata }: ProvenFile, sha256: string): Patch {
  const { cumulative, digest, fixes, kernel, module, releasedAt, version } = metadata;
  return { kernel, version, digest, module, buildId, cumulative, releasedAt, fixes, sha256 };
}

/** It is not provably a patch for this machine; anything else says nothing about the file. */
function isRefusal(error: unknown): error is LivepatchError {
  return error instanceof LivepatchError && EXIT_STATUS[error.code] === EXIT_STATUS.signature;
}
