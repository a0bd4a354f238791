import { describe, expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import type { Event, Run } from '../../src/policy/loop.ts';
import { type Memory, NEW_RUN, record } from '../../src/policy/record.ts';
import { Secret } from '../../src/secret.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import type { AppliedPatch, State } from '../../src/types.ts';
import { applied, candidate, MACHINE, moduleOf, NOW, offers, patch, pending } from './situation.ts';

const AT = NOW.toISOString();
const FULL: State = {
  lastCheck: { at: 'then' },
  lastGoodCheck: { at: 'then' },
  advice: offers('121.1'),
  warnings: ['careful'],
  applied: [applied('121.1')],
  replaced: [applied('120.1')],
  displaced: applied('119.1'),
  reverted: [patch('118.1')],
  held: [{ version: '122.1', why: 'patch-delay', message: '', missed: [], releasedAt: '' }],
  failure: { at: 'then', version: '122.1', code: 'network', message: 'x' },
};
const having = (state: Partial<State> = {}, run: Partial<Run> = {}, more: Partial<Memory> = {}): Memory => ({
  state: { ...EMPTY_STATE, ...state },
  pending: [],
  run: { ...NEW_RUN, ...run },
  ...more,
});
const upon = (event: Event, memory: Memory = having()): Memory =>
  record(memory, event, { machine: MACHINE, now: NOW });
const error = new LivepatchError('transition', 'it stalls');
const one = patch('121.1');
const told = { at: AT, version: '121.1', code: 'transition', message: 'it stalls' };
const finished = (version: string, live: string[] = [moduleOf(version)], changes = {}): Event => ({
  kind: 'transition-finished',
  patch: patch(version, changes),
  seconds: 2,
  live,
});
const versionsOf = (patches: readonly { version: string }[]) => patches.map(({ version }) => version);
const inUse = (version: string, changes: Partial<AppliedPatch> = {}) =>
  applied(version, { appliedAt: AT, transitionSeconds: 2, ...changes });

it('changes nothing in place', () => {
  const memory = having(FULL, {}, { pending: [pending('121.1')] });
  const copy = structuredClone(memory);
  const events: Event[] = [
    finished('122.1'),
    { kind: 'disabled', module: moduleOf('121'), why: 'reverted' },
    { kind: 'bug-found', patch: one, trace: [], error },
    { kind: 'settled', patch: one },
    { kind: 'erased', wasEnabled: true },
  ];
  for (const event of events) upon(event, memory);
  expect(memory).toEqual(copy);
});

it.each<Event>([
  { kind: 'idle' },
  { kind: 'inserted', patch: one },
  { kind: 'fetched', candidate: candidate('121.1') },
  { kind: 'disabled', module: moduleOf('121'), why: 'in-the-way' },
  { kind: 'disabled', module: moduleOf('121'), why: 'failed' },
  { kind: 'disabled', module: moduleOf('121'), why: 'replaced' },
])('remembers nothing of $kind', (event) => {
  const memory = having(FULL);
  expect(upon(event, memory)).toBe(memory);
});

describe('what is remembered of the source', () => {
  it('is what it says of the kernel', () => {
    expect(upon({ kind: 'support', support: 'unknown' })).toEqual(having({}, { support: 'unknown' }));
  });

  it('is not what another registration was told, but what the kernel holds', () => {
    const { applied, displaced, replaced, reverted } = FULL;
    expect(upon({ kind: 'registered', token: new Secret('t') }, having(FULL))).toEqual(
      having({ applied, displaced, replaced, reverted }, { registered: true }),
    );
  });

  it('is its answer', () => {
    const event: Event = {
      kind: 'checked-in',
      advice: offers('122.1'),
      issuedAt: 'its clock',
      freshness: { renewedAt: 'a day ago', expiresAt: 'in a week' },
      warnings: ['new'],
    };
    expect(upon(event, having(FULL))).toEqual(
      having(
        {
          ...FULL,
          lastCheck: { at: AT },
          lastGoodCheck: {
            at: AT,
            issuedAt: 'its clock',
            freshness: { renewedAt: 'a day ago', expiresAt: 'in a week' },
          },
          advice: offers('122.1'),
          warnings: ['new'],
        },
        { check: 'done' },
      ),
    );
  });

  it('stays what it was when nothing has changed', () => {
    const event: Event = { kind: 'checked-in', advice: 'unchanged', issuedAt: undefined, warnings: [] };
    expect(upon(event, having(FULL)).state).toMatchObject({
      advice: offers('121.1'),
      lastGoodCheck: { at: AT },
    });
  });

  it('ends the failure of a version that nobody names any more, as one that was never real', () => {
    const failure = { at: 'then', version: '999999.1', code: 'metadata', message: 'x' };
    const event: Event = { kind: 'checked-in', advice: offers('122.1'), issuedAt: undefined, warnings: [] };
    const left = (version: string, memory: Partial<State> = {}) =>
      upon(event, having({ failure: { ...failure, version }, ...memory })).state.failure;
    expect(left('999999.1')).toBeUndefined();
    expect(left('122.1')).toBeDefined();
    expect(left('121.1')).toBeUndefined();
    expect(left('121.1', { applied: [applied('121.1')] })).toBeDefined();
  });

  it('is why it could not be asked, and what it said before', () => {
    expect(upon({ kind: 'check-failed', error, denied: false, warnings: ['new'] }, having(FULL))).toEqual(
      having(
        { ...FULL, lastCheck: { at: AT, error: 'it stalls' }, warnings: ['new'] },
        { check: 'failed', failures: [{ action: 'check-in', version: undefined, error }] },
      ),
    );
  });

  it.each<[string, Event, Partial<Run>]>([
    ['the CVE data are here', { kind: 'cves-done' }, { cvesDone: true }],
    ['it knows that we leave', { kind: 'unregistered' }, { unregistered: true }],
    ['it does not', { kind: 'server-not-told', reason: 'why' }, { serverNotTold: 'why' }],
  ])('is for this run that %s', (_what, event, run) => {
    expect(upon(event, having(FULL))).toEqual(having(FULL, run));
  });

  it('is gone with the registration, but not what the kernel holds', () => {
    const { applied, replaced } = FULL;
    expect(upon({ kind: 'erased', wasEnabled: true }, having(FULL))).toEqual(
      having({ applied, replaced }, { erased: true }),
    );
  });
});

describe('what is remembered of files', () => {
  it('is that they are proven', () => {
    const memory = having({}, { proven: [patch('120.1')] });
    expect(upon({ kind: 'proven', patch: one }, memory)).toEqual(
      having({}, { proven: [patch('120.1'), one] }),
    );
    expect(upon({ kind: 'taken-in', patch: one }, memory)).toEqual(
      having({}, { proven: [patch('120.1'), one], given: [one] }),
    );
  });

  it('is that they are refused, and of which patch', () => {
    const memory = having({}, { unusable: ['a'] });
    expect(upon({ kind: 'refused', sha256: 'b', expected: undefined, error }, memory)).toEqual(
      having({}, { unusable: ['a', 'b'] }),
    );
    expect(upon({ kind: 'refused', sha256: 'b', expected: one, error }, memory)).toEqual(
      having(
        { failure: told },
        {
          unusable: ['a', 'b'],
          failed: [one.digest],
          failures: [{ action: 'prove b', version: '121.1', error }],
        },
      ),
    );
  });

  it('is that they are damaged: the patch may be fetched anew in the same run', () => {
    expect(upon({ kind: 'damaged', sha256: 'b', expected: undefined })).toEqual(
      having({}, { unusable: ['b'] }),
    );
    const { run, state } = upon({ kind: 'damaged', sha256: 'b', expected: one });
    expect(run).toMatchObject({
      unusable: ['b'],
      failures: [{ action: 'read', version: '121.1', error: { code: 'digest' } }],
    });
    expect(run.failed).not.toContain(one.digest);
    expect(state.failure).toMatchObject({
      at: AT,
      version: '121.1',
      code: 'digest',
      message: 'the file of patch 121.1 on disk was damaged',
    });
  });
});

describe('what is remembered of what was in the kernel already', () => {
  it('is that it is ours, in place of what was thought to be', () => {
    const memory = having({
      applied: [
        applied('120.1'),
        applied('121.1', { bootId: 'before' }),
        applied('9.9', { kernel: 'other' }),
      ],
    });
    const live = [one.module, applied('120.1').module];
    expect(upon({ kind: 'adopted', patch: one, live }, memory).state.applied).toEqual([
      applied('120.1'),
      applied('121.1', { appliedAt: AT }),
    ]);
  });

  it('is that it has replaced what the kernel no longer holds: after a revert of the snap, nothing is missing', () => {
    const memory = having({ applied: [applied('119.1', { bootId: 'before' }), applied('120.1')] });
    expect(upon({ kind: 'adopted', patch: one, live: [one.module] }, memory).state).toMatchObject({
      applied: [applied('121.1', { appliedAt: AT })],
      replaced: [applied('120.1')],
    });
  });

  it('is that it has a bug, if its insertion says so', () => {
    const found = (trace?: string[]) =>
      upon(
        { kind: 'adopted', patch: one, live: [one.module] },
        having({}, {}, { pending: [pending('121.1', { trace }), pending('122.1', { trace: ['x'] })] }),
      );
    expect(found(['x']).state.applied).toMatchObject([{ version: '121.1', bug: true }]);
    expect(found().state.applied[0]?.bug).toBeUndefined();
  });
});

describe('what is remembered of an insertion', () => {
  it('is that it has begun, in place of an earlier one of the same', () => {
    const next = pending('121.1', { attempt: 2 });
    const memory = having({}, {}, { pending: [pending('121.1'), pending('121.2'), pending('122.1')] });
    expect(upon({ kind: 'insertion-begun', pending: next }, memory)).toEqual(
      having({}, { begun: one.digest }, { pending: [pending('121.2'), pending('122.1'), next] }),
    );
  });

  it.each<[Event, action: string]>([
    [{ kind: 'insertion-refused', patch: one, error }, 'insert patch 121.1'],
    [{ kind: 'transition-failed', patch: one, error }, 'wait-for-transition patch 121.1'],
    [{ kind: 'failed', action: 'fetch patch 121.1', patch: one, error }, 'fetch patch 121.1'],
  ])('is that it failed: $kind', (event, action) => {
    expect(upon(event)).toEqual(
      having({ failure: told }, { failed: [one.digest], failures: [{ action, version: '121.1', error }] }),
    );
  });

  it('is the first failure of a run, not what failed while cleaning up after it', () => {
    const memory = upon({ kind: 'transition-failed', patch: one, error });
    const later = new LivepatchError('kernel-refused', 'it does not go');
    const { run, state } = upon(
      { kind: 'failed', action: 'unload x', patch: patch('120.1'), error: later },
      memory,
    );
    expect(state.failure).toEqual(told);
    expect(run.failures.map((failure) => failure.error)).toEqual([error, later]);
    expect(run.failed).toEqual([one.digest, patch('120.1').digest]);
  });

  it('is a failure after one that was about no patch', () => {
    const memory = upon({ kind: 'failed', action: 'fetch-cves', patch: undefined, error });
    expect(memory.state.failure).toBeUndefined();
    expect(memory.run).toMatchObject({
      failed: [],
      failures: [{ action: 'fetch-cves', version: undefined }],
    });
    expect(upon({ kind: 'insertion-refused', patch: one, error }, memory).state.failure).toEqual(told);
  });

  it('is that it settled, with all of this boot', () => {
    const stay = [pending('120.1', { bootId: 'before' }), pending('119.1', { trace: ['x'] })];
    const memory = having({}, {}, { pending: [pending('121.1'), ...stay, pending('122.1')] });
    expect(upon({ kind: 'settled', patch: one }, memory)).toEqual(having({}, {}, { pending: stay }));
  });

  it('is a bug: of this patch alone, and nothing counts as applied', () => {
    const memory = having(
      { applied: [applied('120.1'), applied('121.1')] },
      { applied: [applied('121.1')] },
      { pending: [pending('120.1'), pending('121.1')] },
    );
    expect(upon({ kind: 'bug-found', patch: one, trace: ['BUG'], error }, memory)).toEqual(
      having(
        { applied: [applied('120.1'), applied('121.1', { bug: true })], failure: told },
        { failed: [one.digest], failures: [{ action: 'watch patch 121.1', version: '121.1', error }] },
        { pending: [pending('120.1'), pending('121.1', { trace: ['BUG'] })] },
      ),
    );
  });

  it('is nothing once it is cleared', () => {
    const memory = having({}, {}, { pending: [pending('121.1'), pending('121.2')] });
    expect(upon({ kind: 'pending-cleared', pending: pending('121.1') }, memory)).toEqual(
      having({}, {}, { pending: [pending('121.2')] }),
    );
  });

  it('is what the machine went down with before, once it is cleared', () => {
    const earlier = { bootId: 'before', at: 'then', attempt: 1, trace: undefined };
    const gone = pending('121.1', { attempt: 2, earlier });
    expect(
      upon({ kind: 'pending-cleared', pending: gone }, having({}, {}, { pending: [gone] })).pending,
    ).toEqual([{ patch: one, ...earlier }]);
  });

  it('is nothing new when a run ends as it began: nothing has to be written', () => {
    for (const memory of [having(), having(FULL)]) {
      const { held } = memory.state;
      expect(upon({ kind: 'concluded', held, failure: undefined }, memory).state).toBe(memory.state);
    }
    expect(upon({ kind: 'concluded', held: [], failure: undefined }).state.held).toEqual([]);
  });

  it('is the failure at the end, and what is held back', () => {
    const { held = [] } = FULL;
    expect(upon({ kind: 'concluded', held, failure: undefined })).toEqual(having({ held }));
    expect(upon({ kind: 'concluded', held: [], failure: { patch: one, error } }, having({ held }))).toEqual(
      having(
        { failure: told },
        { failed: [one.digest], failures: [{ action: 'insert', version: '121.1', error }] },
      ),
    );
  });
});

describe('when a patch is in use', () => {
  it('it is remembered, and the one that it replaced is to be unloaded', () => {
    const { run, state } = upon(finished('122.1'), having({ applied: [applied('121.1')] }));
    expect(state.applied).toEqual([inUse('122.1')]);
    expect(state.replaced).toEqual([applied('121.1')]);
    expect(run.applied).toEqual([inUse('122.1')]);
  });

  it.each<[what: string, Event, before: AppliedPatch[], applied: string[], replaced: string[]]>([
    [
      'stands beside what the kernel still holds',
      finished('127.1', [moduleOf('126'), moduleOf('127')], { cumulative: false }),
      [applied('126.1')],
      ['126.1', '127.1'],
      [],
    ],
    [
      'stands on what has yet to come back after a reboot',
      finished('127.1', [moduleOf('127')], { cumulative: false }),
      [applied('126.1', { bootId: 'before' })],
      ['126.1', '127.1'],
      [],
    ],
    [
      'replaces what has yet to come back, if it is cumulative',
      finished('127.1'),
      [applied('126.1', { bootId: 'before' })],
      ['127.1'],
      [],
    ],
    [
      'keeps its place when it comes back',
      finished('126.1', [moduleOf('126')], { cumulative: false }),
      [applied('126.1', { bootId: 'before' }), applied('127.1', { bootId: 'before' })],
      ['126.1', '127.1'],
      [],
    ],
    [
      'forgets what was for another kernel',
      finished('121.1'),
      [applied('120.1', { kernel: 'other' }), applied('119.1', { kernel: 'other', bootId: 'before' })],
      ['121.1'],
      [],
    ],
    [
      'drops what is gone from the kernel',
      finished('127.1', [moduleOf('127')], { cumulative: false }),
      [applied('126.1')],
      ['127.1'],
      ['126.1'],
    ],
    [
      'keeps what a cumulative one has left, if the kernel says so',
      finished('127.1', [moduleOf('126'), moduleOf('127')]),
      [applied('126.1')],
      ['126.1', '127.1'],
      [],
    ],
  ])('it %s', (_what, event, before, stays, replaced) => {
    const { state } = upon(event, having({ applied: before }));
    expect(versionsOf(state.applied)).toEqual(stays);
    expect(versionsOf(state.replaced)).toEqual(replaced);
  });

  it('keeps the rest of a stack that a reboot took, until it is back as well', () => {
    const earlier = (version: string, changes = {}) => applied(version, { bootId: 'earlier', ...changes });
    const upper = earlier('123.1', { cumulative: false });
    const stack = [earlier('120.1', { cumulative: false }), earlier('121.1'), earlier('122.1'), upper];
    const { state } = upon(finished('122.1'), having({ applied: stack }));
    expect(state.applied).toEqual([inUse('122.1'), upper]);
  });

  it('what was reverted is over: all of it, or that one', () => {
    const reverted = [patch('126.1'), patch('127.1')];
    expect(upon(finished('128.1'), having({ reverted })).state.reverted).toEqual([]);
    const stacked = finished('127.1', [moduleOf('127')], { cumulative: false });
    expect(upon(stacked, having({ reverted })).state.reverted).toEqual([patch('126.1')]);
  });

  it('what was reverted and is stacked on it is still to come back', () => {
    const upper = patch('127.1', { cumulative: false });
    const reverted = [patch('125.1', { cumulative: false }), patch('126.1'), upper];
    expect(upon(finished('126.1'), having({ reverted })).state.reverted).toEqual([upper]);
  });

  const failure = (version: string) => ({ at: 'then', version, code: 'network', message: 'x' });
  it.each([
    ['of an older one is over', '120.1', undefined],
    ['of this one is over', '121.1', undefined],
    ['of a newer one stays', '122.1', failure('122.1')],
  ])('a failure %s', (_what, version, left) => {
    const memory = having(
      { failure: failure(version) },
      {
        failures: [
          { action: 'fetch', version, error },
          { action: 'check-in', version: undefined, error },
        ],
      },
    );
    const { run, state } = upon(finished('121.1'), memory);
    expect(state.failure).toEqual(left);
    expect(run.failures).toHaveLength(left === undefined ? 1 : 2);
  });

  it.each([
    ['the one that it displaced is not wanted any more', '121.2', [], undefined],
    ['the one that it displaced is not wanted any more: it is back', '121.1', ['121.2'], undefined],
    [
      'the one that was displaced is still wanted, when another comes back before it',
      '119.1',
      ['121.2'],
      '121.1',
    ],
  ])('%s', (_what, version, failures, left) => {
    const memory = having(
      { displaced: applied('121.1') },
      { failures: failures.map((version) => ({ action: 'insert', version, error })) },
    );
    expect(upon(finished(version), memory).state.displaced?.version).toBe(left);
  });
});

describe('when a module leaves', () => {
  const out = (why: 'reverted' | 'withdrawn', version = '121.1'): Event => ({
    kind: 'disabled',
    module: moduleOf(version),
    why,
  });

  it('because that was asked for, its patch is not to come back', () => {
    const { run, state } = upon(
      out('reverted'),
      having({ applied: [applied('120.1'), applied('121.1')], reverted: [patch('118.1')] }),
    );
    expect(versionsOf(state.applied)).toEqual(['120.1']);
    expect(state.reverted).toEqual([one]);
    expect(state.replaced).toEqual([applied('121.1')]);
    expect(run).toMatchObject({ taken: [moduleOf('121')], removed: [{ version: '121.1' }] });
  });

  it('with another, both are remembered, the oldest first', () => {
    const first = upon(
      out('reverted', '122.1'),
      having({ applied: [applied('121.1'), applied('122.1')], reverted: [patch('118.1')] }),
    );
    const second = upon(out('reverted'), first);
    expect(versionsOf(second.state.reverted)).toEqual(['121.1', '122.1']);
    expect(versionsOf(second.run.removed)).toEqual(['122.1', '121.1']);
    expect(second.state.applied).toEqual([]);
  });

  it('because it was withdrawn, it may come back when it is named again', () => {
    const { run, state } = upon(
      out('withdrawn'),
      having({ applied: [applied('121.1')], reverted: [patch('118.1')] }),
    );
    expect(state.reverted).toEqual([patch('118.1')]);
    expect(state.applied).toEqual([]);
    expect(versionsOf(run.removed)).toEqual(['121.1']);
  });

  it('that was only begun, it is known, too', () => {
    const { state } = upon(
      out('reverted'),
      having({}, {}, { pending: [pending('121.1', { bootId: 'before' }), pending('121.1')] }),
    );
    expect(state.reverted).toEqual([one]);
    expect(state.replaced).toEqual([{ ...one, bootId: 'now', appliedAt: '1970-01-01T00:00:00.000Z' }]);
  });

  it.each([
    ["somebody else's", 'kpatch_x', having({ applied: [applied('121.1')] })],
    [
      'one of another boot',
      moduleOf('121'),
      having(
        { applied: [applied('121.1', { bootId: 'before' })] },
        {},
        { pending: [pending('121.1', { bootId: 'before' })] },
      ),
    ],
  ])('that is %s, only this run knows it', (_what, module, memory) => {
    const known = upon({ kind: 'disabled', module, why: 'reverted' }, memory);
    expect(known).toEqual({ ...memory, run: { ...memory.run, taken: [module] } });
  });

  it('and is unloaded, it is forgotten', () => {
    const memory = having({ applied: [applied('122.1')], replaced: [applied('120.1'), applied('121.1')] });
    expect(upon({ kind: 'unloaded', module: moduleOf('121'), why: 'replaced' }, memory)).toEqual(
      having({ applied: [applied('122.1')], replaced: [applied('120.1')] }, { unloaded: [moduleOf('121')] }),
    );
  });

  it('to make room, its patch is kept in mind', () => {
    const memory = having({ applied: [applied('120.1'), applied('121.1')], displaced: applied('119.1') });
    expect(
      upon({ kind: 'unloaded', module: moduleOf('121'), why: 'in-the-way' }, memory).state,
    ).toMatchObject({
      applied: [{ version: '120.1' }],
      displaced: { version: '121.1' },
    });
    const unknown = upon({ kind: 'unloaded', module: 'kpatch_x', why: 'in-the-way' }, memory).state;
    expect(unknown.displaced?.version).toBe('119.1');
    expect(versionsOf(unknown.applied)).toEqual(['120.1', '121.1']);
  });

  it('for another reason, what is to be in the kernel stays', () => {
    const memory = having({ applied: [applied('121.1')] });
    expect(upon({ kind: 'unloaded', module: moduleOf('121'), why: 'failed' }, memory).state).toEqual(
      memory.state,
    );
  });

  it('not, that is for this run to know', () => {
    const event: Event = { kind: 'unload-failed', module: 'b', why: 'replaced', error };
    expect(upon(event, having(FULL, { stuck: ['a'] }))).toEqual(having(FULL, { stuck: ['a', 'b'] }));
  });
});
