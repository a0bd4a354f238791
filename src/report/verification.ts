import type { Fix } from '../types.ts';
import { jsonText } from './json-text.ts';
import { plain } from './plain.ts';
import { yamlText } from './yaml-text.ts';

/** What `verify` says of one file, as `--format json` and `yaml` print it: every key is there, null when not known. */
export interface Verification {
  file: string;
  kind: 'module' | 'patch' | null;
  /** Null when no module was reached. `bad`: malformed, not allowed by the policy, or not matching. */
  signature: 'good' | 'bad' | 'untrusted' | 'unsigned' | null;
  /** The certificate that made a good signature. */
  signer: {
    subject: string;
    /** SHA-256 of the certificate, lower-case hex. */
    fingerprint: string;
    /** RFC 3339, in UTC. */
    'not-after': string;
    /** No reason to refuse: a pinned certificate is a pinned key. */
    expired: boolean;
  } | null;
  /** SHA-512 over what a good signature is over, lower-case hex. */
  digest: string | null;
  /** Whether the module is marked as a live patch. */
  livepatch: boolean | null;
  /** The module's name. */
  module: string | null;
  /** What it is for: of a module the kernel's release, of a patch file the kernel as metadata.json names it. */
  kernel: string | null;
  /** Of a patch file. */
  version: string | null;
  fixes: Fix[];
  verdict: 'accepted' | 'refused';
  /** Why it was refused. */
  reason: string | null;
}

/** One line, for one of many files. */
export function verificationLine(verification: Verification): string {
  const { file, verdict, reason, module, kernel, signer } = verification;
  if (verdict === 'refused') return plain(`✗ ${file}: refused: ${reason}`);
  const expired = signer?.expired ? ', a certificate that has expired' : '';
  return plain(`✓ ${file}: accepted: ${module} for ${kernel}, signed by ${signer?.subject}${expired}`);
}

/** A block of lines, for a file on its own. */
export function verificationBlock(verification: Verification): string {
  const { file, kind, signature, signer, digest, livepatch, module, kernel, version } = verification;
  const lines: [string, string | null | undefined][] = [
    ['file', file],
    ['kind', kind],
    ['verdict', verdictSentence(verification)],
    ['signature', signature],
    ['signed by', signer?.subject],
    ['certificate', signer?.fingerprint],
    ['valid until', signer && `${signer['not-after']}${signer.expired ? ' (expired)' : ''}`],
    ['digest', digest],
    ['live patch', livepatch === null ? null : livepatch ? 'yes' : 'no'],
    ['module', module],
    ['kernel', kernel],
    ['version', version],
    ...verification.fixes.map(({ name, patched }): [string, string] => [
      'fixes',
      `${name}${patched ? '' : ' (unpatched)'}`,
    ]),
  ];
  return lines
    .flatMap(([label, value]) => (value === null || value === undefined ? [] : plain(`${label}: ${value}`)))
    .join('\n');
}

/** All of them, for programs. */
export function verificationList(verifications: readonly Verification[], format: 'json' | 'yaml'): string {
  return format === 'json'
    ? jsonText(verifications)
    : yamlText(
        verifications.map(({ fixes, signer, ...rest }) => ({
          ...rest,
          signer: signer && { ...signer },
          fixes: fixes.map((fix) => ({ ...fix })),
        })),
      );
}

function verdictSentence({ verdict, reason }: Verification): string {
  return verdict === 'accepted' ? '✓ accepted' : `✗ refused: ${reason}`;
}
