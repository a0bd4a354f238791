import { describe, expect, test } from 'vitest';
import { type Verification, verificationBlock, verificationLine } from '../../src/report/verification.ts';

const accepted: Verification = {
  file: 'patches/some.tar.gz',
  kind: 'patch',
  signature: 'good',
  signer: {
    subject: 'CN=Canonical Ltd. Live Patch Signing',
    fingerprint: 'ab'.repeat(32),
    'not-after': '2026-07-16T23:41:27.000Z',
    expired: false,
  },
  digest: 'cd'.repeat(64),
  livepatch: true,
  module: 'lkp_Ubuntu_6_8_0_1047_50_aws_121',
  kernel: '6.8.0-1047.50-aws',
  version: '121.4',
  fixes: [
    { name: 'CVE-2026-0001', description: '', bug: '', patched: true },
    { name: 'CVE-2026-0002', description: '', bug: '', patched: false },
  ],
  verdict: 'accepted',
  reason: null,
};
const expired = { ...accepted, signer: accepted.signer && { ...accepted.signer, expired: true } };
const unknown: Verification = {
  file: 'notes.txt',
  kind: null,
  signature: null,
  signer: null,
  digest: null,
  livepatch: null,
  module: null,
  kernel: null,
  version: null,
  fixes: [],
  verdict: 'refused',
  reason: 'it is neither a kernel module nor a patch file',
};

describe('a verification for people', () => {
  test('is a block for one file', () => {
    expect(verificationBlock(accepted)).toBe(
      `file: patches/some.tar.gz
kind: patch
verdict: ✓ accepted
signature: good
signed by: CN=Canonical Ltd. Live Patch Signing
certificate: ${'ab'.repeat(32)}
valid until: 2026-07-16T23:41:27.000Z
digest: ${'cd'.repeat(64)}
live patch: yes
module: lkp_Ubuntu_6_8_0_1047_50_aws_121
kernel: 6.8.0-1047.50-aws
version: 121.4
fixes: CVE-2026-0001
fixes: CVE-2026-0002 (unpatched)`,
    );
  });

  test('leaves out what is not known', () => {
    expect(verificationBlock(unknown)).toBe(
      'file: notes.txt\nverdict: ✗ refused: it is neither a kernel module nor a patch file',
    );
  });

  test('is a line for one of many', () => {
    expect(verificationLine(accepted)).toBe(
      '✓ patches/some.tar.gz: accepted: lkp_Ubuntu_6_8_0_1047_50_aws_121 for 6.8.0-1047.50-aws, signed by CN=Canonical Ltd. Live Patch Signing',
    );
    expect(verificationLine(unknown)).toBe(
      '✗ notes.txt: refused: it is neither a kernel module nor a patch file',
    );
  });

  test('shows that the certificate has expired', () => {
    expect(verificationBlock(expired)).toContain('valid until: 2026-07-16T23:41:27.000Z (expired)');
    expect(verificationLine(expired)).toMatch(/, a certificate that has expired$/);
  });

  test('lets nothing from the file drive the terminal, or forge a line', () => {
    const evil = { ...accepted, file: 'a\u001b[2Jb', module: 'x\nverdict: ✓', kernel: '\u202e6.8' };
    for (const text of [verificationLine(evil), verificationBlock(evil).replaceAll('\n', '')]) {
      expect(text).not.toMatch(/\p{C}/u);
      expect(text).toContain('a\\u{1b}[2Jb');
      expect(text).toContain('x\\u{a}verdict');
    }
  });
});
