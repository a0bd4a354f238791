import { expect, test } from 'vitest';
import { matchCandidate } from '../../src/patch/candidate.ts';
import type { Candidate } from '../../src/types.ts';
import { expectRefusal } from './make/expect.ts';
import { metadataOf } from './make/patch.ts';

const metadata = metadataOf();
const { version, digest, module, cumulative, releasedAt, fixes } = metadata;
const candidate: Candidate = {
  ...{ version, digest, module, cumulative, releasedAt, fixes },
  sha256: 'a'.repeat(64),
  size: 1,
};
const [fix] = fixes;
if (fix === undefined) throw new Error('no fix');

test('an offer that says what the signed metadata says is fine, in whatever order', () => {
  const { name, description, bug, patched } = fix;
  expect(() =>
    matchCandidate({ ...candidate, fixes: [{ patched, bug, description, name }] }, metadata),
  ).not.toThrow();
});

test.each<Partial<Candidate>>([
  { version: '999999.1' },
  { digest: 'b'.repeat(128) },
  { module: 'other' },
  { cumulative: false },
  { releasedAt: '2026-11-01T12:00:01Z' },
  { fixes: [] },
  { fixes: [fix, fix] },
  { fixes: [{ ...fix, name: 'CVE-2026-0002' }] },
  { fixes: [{ ...fix, description: 'something else' }] },
  { fixes: [{ ...fix, bug: 'https://example.com' }] },
  { fixes: [{ ...fix, patched: false }] },
])('an offer that says %j is refused by the name of the field', async (change) => {
  const [field = ''] = Object.keys(change);
  await expectRefusal(
    () => matchCandidate({ ...candidate, ...change }, metadata),
    'metadata',
    new RegExp(`^${field}: the offer`),
  );
});
