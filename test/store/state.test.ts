import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.ts';
import { AdviceSchema } from '../../src/schemas.ts';
import { EMPTY_STATE, stateFile } from '../../src/store/state.ts';
import type { State } from '../../src/types.ts';
import { temporaryDirectory } from '../temporary.ts';
import { APPLIED, PATCH } from './make.ts';
import { OBSTACLES } from './obstacles.ts';

const FULL = {
  lastCheck: { at: '2026-11-22T12:00:00Z', error: 'livepatch check failed' },
  lastGoodCheck: {
    at: '2026-11-22T11:00:00Z',
    issuedAt: '2026-11-22T11:00:01Z',
    freshness: { renewedAt: '2026-11-20T11:00:00Z', expiresAt: '2026-11-27T11:00:00Z' },
  },
  advice: {
    kernel: PATCH.kernel,
    support: 'supported',
    tier: 'stable',
    candidates: [
      {
        ...{ version: '121.4', digest: PATCH.digest, module: PATCH.module, cumulative: true, phase: 10 },
        ...{ releasedAt: PATCH.releasedAt, fixes: PATCH.fixes, sha256: PATCH.sha256, size: 1 },
      },
    ],
    withdrawn: [{ version: '120.1', digest: 'e'.repeat(128) }],
    revokedKeys: ['b'.repeat(64)],
    cves: 'c'.repeat(64),
    tag: 'v1',
    upgradeRequiredDate: '2027-03-19',
  },
  warnings: ['remote-server is not https'],
  applied: [{ ...APPLIED, transitionSeconds: 1.5, bug: true, byHand: true }],
  replaced: [APPLIED],
  displaced: APPLIED,
  reverted: [PATCH],
  held: [
    {
      ...{ version: '122.1', why: 'phase', message: 'not yet', missed: ['CVE-2026-0002'] },
      releasedAt: PATCH.releasedAt,
    },
  ],
  failure: { at: '2026-11-22T12:00:00Z', version: '122.1', code: 'network', message: 'no answer' },
} satisfies Required<State>;

function given() {
  const directory = temporaryDirectory();
  const paths = { state: join(directory, 'state.json'), lastCheck: join(directory, 'last-check') };
  return { ...paths, directory, file: stateFile(paths) };
}

describe('the state', () => {
  it('is empty when there is no file', () => {
    expect(given().file.read()).toEqual(EMPTY_STATE);
  });

  it.each([
    ['empty', EMPTY_STATE],
    ['with every field', FULL],
  ])('is read back as it was written, %s', (_what, state) => {
    const { file } = given();
    file.write(state);
    expect(file.read()).toEqual(state);
  });

  it('may be read by everybody; the time of the last check is for root', () => {
    const { file, lastCheck, state } = given();
    file.write(FULL);
    expect(statSync(state).mode & 0o777).toBe(0o644);
    expect(statSync(lastCheck).mode & 0o777).toBe(0o600);
    expect(readFileSync(lastCheck, 'utf8')).toBe('2026-11-22T12:00:00Z\n');
  });

  it('can be written whatever one answer says, all patches of one kernel at their limits besides', () => {
    const { file } = given();
    // The form that grows most: nothing but what must be there.
    const least = '{"name":""}';
    const fixes = Array.from({ length: LIMITS.patch.fixes }, () => JSON.parse(least));
    const [candidate] = FULL.advice.candidates;
    const candidates: unknown[] = [];
    const answer = () => JSON.stringify({ ...FULL.advice, candidates });
    while (candidates.length < LIMITS.patch.candidates && answer().length < LIMITS.network.answerBytes) {
      candidates.push({ ...candidate, fixes });
    }
    const advice = v.parse(AdviceSchema, JSON.parse(answer()));
    const long = { ...APPLIED, fixes: FIXES_AT_THEIR_LIMIT };
    const state = { ...FULL, advice, applied: [long], replaced: [long], displaced: long };
    file.write(state);
    expect(file.read()).toEqual(state);
  });

  it('is not written when it could not be read back, and the old one stays', () => {
    const { directory, file } = given();
    file.write(FULL);
    expect(() => file.write({ ...FULL, warnings: ['x'.repeat(LIMITS.store.stateBytes)] })).toThrow(
      expect.objectContaining({ code: 'storage' }),
    );
    expect(file.read()).toEqual(FULL);
    expect(readdirSync(directory).sort()).toEqual(['last-check', 'state.json']);
  });

  it.each([
    [{ schema: 1 }, 'schema'],
    [{ schema: 3 }, 'schema'],
    [{ warnings: 'x' }, 'warnings'],
    [{ applied: [{ ...APPLIED, version: '121.4.0' }] }, 'applied.0.version'],
    [{ held: [{ ...FULL.held[0], why: 'because' }] }, 'held.0.why'],
    [{ lastCheck: { at: 'yesterday' } }, 'lastCheck.at'],
  ])('that says %j is refused by the name of its field', (changes, field) => {
    const { file, state } = given();
    writeFileSync(state, JSON.stringify({ schema: 2, ...EMPTY_STATE, ...changes }));
    expect(() => file.read()).toThrow(
      expect.objectContaining({ code: 'storage', message: `${state} cannot be understood at ${field}` }),
    );
  });

  it.each(Object.entries(OBSTACLES))('is begun anew when %s is in its place', (_what, obstruct) => {
    const { file, state } = given();
    obstruct(state);
    expect(() => file.read()).toThrow(
      expect.objectContaining({
        code: 'storage',
        message: expect.stringContaining(state),
        hint: "The next 'sudo canonical-livepatch refresh' moves it aside and starts fresh.",
      }),
    );
    expect(file.setAside()).toBe(`${state}.unreadable`);
    expect(file.read()).toEqual(EMPTY_STATE);
    file.write(FULL);
    expect(file.read()).toEqual(FULL);
  });
});

/** As many bytes as the metadata of a patch may have. */
const FIXES_AT_THEIR_LIMIT = Array.from({ length: LIMITS.patch.fixes }, (_, index) => ({
  name: `CVE-${index}`,
  description: 'é'.repeat(460),
  bug: '',
  patched: true,
}));
