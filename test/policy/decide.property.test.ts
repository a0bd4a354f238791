import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { decide } from '../../src/policy/decide.ts';
import { type Action, type Goal, keyOf, type Situation } from '../../src/policy/loop.ts';
import { NEW_RUN } from '../../src/policy/record.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import {
  advice,
  applied,
  CONFIG,
  candidate,
  DAY,
  file,
  KERNEL,
  loaded,
  MACHINE,
  moduleOf,
  NOW,
  patch,
  pending,
} from './situation.ts';

/** Situations that nobody thought of: any of these may meet any other. */

const ACTIONS: Record<Action['do'], true> = {
  'ask-support': true,
  register: true,
  'check-in': true,
  fetch: true,
  prove: true,
  'take-in': true,
  adopt: true,
  'begin-insertion': true,
  insert: true,
  'wait-for-transition': true,
  'wait-for-idle': true,
  watch: true,
  'clear-pending': true,
  disable: true,
  unload: true,
  'fetch-cves': true,
  erase: true,
  unregister: true,
  done: true,
  fail: true,
};
const VERSIONS = ['120.1', '121.1', '121.2', '122.1'];
const version = fc.constantFrom(...VERSIONS);
const boot = fc.constantFrom('now', 'before');
const kernel = fc.constantFrom(KERNEL, 'other');
const some = <T>(one: fc.Arbitrary<T>) =>
  fc.uniqueArray(one, { maxLength: 3, selector: (value) => JSON.stringify(value) });
const error = new LivepatchError('network', 'x');
const digest = version.map((one) => candidate(one).digest);
const named = fc.record({
  cumulative: fc.boolean(),
  buildId: fc.option(fc.constant('ab'), { nil: undefined }),
});
const anApplied = fc
  .tuple(version, named, boot, kernel, fc.boolean())
  .map(([one, changes, bootId, kernel, bug]) =>
    applied(one, { ...changes, bootId, kernel, ...(bug && { bug }) }),
  );
const aPatch = fc
  .tuple(version, named, kernel)
  .map(([one, changes, kernel]) => patch(one, { ...changes, kernel }));
const aPending = fc
  .tuple(aPatch, boot, fc.constantFrom(1, 2), fc.boolean())
  .map(([patch, bootId, attempt, bug]) =>
    pending(patch.version, { patch, bootId, attempt, ...(bug && { trace: ['BUG'] }) }),
  );
const aModule = fc.constantFrom('kpatch_x', ...VERSIONS.map(moduleOf));

const goal: fc.Arbitrary<Goal> = fc.oneof(
  fc.constant<Goal>({ kind: 'enable' }),
  fc.record({
    kind: fc.constant('refresh' as const),
    occasion: fc.constantFrom('person', 'timer', 'boot'),
    retryBlocked: fc.boolean(),
    skipPhase: fc.boolean(),
    dryRun: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('apply' as const),
    files: some(fc.constantFrom('a', 'b')),
    dryRun: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('revert' as const), all: fc.boolean() }),
  fc.record({ kind: fc.constant('disable' as const), unpatch: fc.boolean() }),
);

/** Each action that could have failed before. */
const anAction = fc.oneof(
  fc.constantFrom(
    'check-in',
    'ask-support',
    'register',
    'fetch-cves',
    'erase',
    'unregister',
    'wait-for-idle',
    'read',
    'take in a',
  ),
  version.map((one) => keyOf({ do: 'fetch', candidate: candidate(one) })),
  version.map((one) => keyOf({ do: 'prove', sha256: file(one), expected: undefined })),
  version.map((one) => keyOf({ do: 'clear-pending', pending: pending(one) })),
  fc
    .tuple(version, fc.constantFrom('adopt', 'insert', 'watch', 'wait-for-transition' as const))
    .map(([one, what]) => keyOf({ do: what, patch: patch(one) } as Action)),
  version.map((one) => keyOf({ do: 'begin-insertion', patch: patch(one), attempt: 1 })),
  fc
    .tuple(aModule, fc.constantFrom('disable', 'unload' as const))
    .map(([module, what]) => keyOf({ do: what, module, why: 'failed' } as Action)),
);

const situations: fc.Arbitrary<Situation> = fc
  .record({
    goal,
    mode: fc.record({ contact: fc.boolean(), apply: fc.boolean(), sources: fc.constant(['m']) }),
    config: fc.oneof(
      { weight: 1, arbitrary: fc.constant(error) },
      {
        weight: 9,
        arbitrary: fc
          .record({
            cutoffDate: fc.constantFrom(undefined, '2026-01-01T00:00:00Z'),
            patchDelay: fc.constantFrom(0, 99 * DAY),
            checkInterval: fc.constantFrom(undefined, DAY),
            revertWithdrawn: fc.boolean(),
          })
          .map((changes) => ({ ...CONFIG, ...changes })),
      },
    ),
    source: fc.constantFrom('server', 'catalogue'),
    sourceTrusted: fc.boolean(),
    enabled: fc.boolean(),
    tokenError: fc.constantFrom(undefined, error),
    kernel: fc.record({
      livePatches: fc.option(
        fc.uniqueArray(fc.record({ name: aModule, enabled: fc.boolean(), inTransition: fc.boolean() }), {
          maxLength: 3,
          selector: ({ name }) => name,
        }),
        { nil: undefined },
      ),
      loaded: fc.uniqueArray(
        fc.oneof(
          version.map(loaded),
          aModule.map((name) => ({ name })),
          aModule.map((name) => ({ name, buildId: 'ab' })),
        ),
        { maxLength: 4, selector: ({ name }) => name },
      ),
    }),
    state: fc
      .record({
        warnings: fc.constant([]),
        held: fc.constant([]),
        applied: some(anApplied),
        replaced: some(anApplied),
        displaced: fc.option(anApplied, { nil: undefined }),
        reverted: some(aPatch),
        lastGoodCheck: fc.constantFrom(undefined, { at: NOW.toISOString() }),
        advice: fc.option(
          fc
            .tuple(fc.subarray(VERSIONS), fc.subarray(VERSIONS), kernel, fc.boolean())
            .map(([names, gone, kernel, cumulative]) => ({
              ...advice(names.toReversed().map((one) => candidate(one, { cumulative }))),
              kernel,
              withdrawn: gone.map((version) => ({ version, digest: candidate(version).digest })),
            })),
          { nil: undefined },
        ),
      })
      .map((state) => ({ ...EMPTY_STATE, ...state })),
    pending: some(aPending),
    payloads: fc.subarray(VERSIONS.map(file)),
    run: fc
      .record({
        check: fc.constantFrom('not-yet', 'done', 'failed'),
        support: fc.constantFrom(undefined, 'supported', 'unsupported'),
        registered: fc.boolean(),
        proven: some(aPatch),
        given: some(aPatch),
        unusable: fc.subarray(VERSIONS.map(file)),
        begun: fc.option(digest, { nil: undefined }),
        failed: some(digest),
        failures: some(anAction).map((actions) =>
          actions.map((action) => ({ action, version: undefined, error })),
        ),
        applied: some(anApplied),
        removed: some(aPatch),
        taken: some(aModule),
        stuck: some(aModule),
        cvesDone: fc.boolean(),
        erased: fc.boolean(),
        unregistered: fc.boolean(),
        serverNotTold: fc.constantFrom(undefined, 'why'),
      })
      .map((run) => ({ ...NEW_RUN, ...run }) as Situation['run']),
  })
  .map((situation) => ({ ...situation, machine: MACHINE, now: NOW }) as unknown as Situation);

const RUNS = Number(process.env.RUNS ?? 1000);
const always = (holds: (situation: Situation, action: Action) => void) =>
  fc.assert(
    fc.property(situations, (situation) => holds(situation, decide(situation))),
    { numRuns: RUNS },
  );

it('a decision is one action, whatever the situation, and the same each time', () => {
  always((situation, action) => {
    expect(ACTIONS).toHaveProperty([action.do]);
    expect(decide(situation)).toEqual(action);
  });
});

it('an action that failed is not tried again', () => {
  always(({ run }, action) => {
    if (action.do !== 'done' && action.do !== 'fail') {
      expect(run.failures.map((failure) => failure.action)).not.toContain(keyOf(action));
    }
  });
});

it('a mode is minded: nothing goes in, or nobody is asked', () => {
  always(({ mode }, { do: what }) => {
    if (!mode.apply) expect(['begin-insertion', 'insert', 'take-in']).not.toContain(what);
    if (!mode.contact)
      expect(['check-in', 'fetch', 'fetch-cves', 'register', 'ask-support']).not.toContain(what);
  });
});

it('nothing is inserted but what this run has proven and begun', () => {
  always(({ run, state }, action) => {
    if (action.do !== 'insert' && action.do !== 'begin-insertion') return;
    const known = [...run.proven, ...run.given].map(({ digest }) => digest);
    expect(known).toContain(action.patch.digest);
    if (action.do === 'insert') expect(run.begun).toBe(action.patch.digest);
    expect(state.advice?.withdrawn.map(({ digest }) => digest) ?? []).not.toContain(action.patch.digest);
  });
});

it('a dry run changes nothing', () => {
  always(({ goal }, { do: what }) => {
    if (!('dryRun' in goal) || !goal.dryRun) return;
    const harmless = ['done', 'fail', 'check-in', 'prove', 'take-in', 'adopt', 'fetch-cves'];
    expect(harmless).toContain(what);
  });
});

it("somebody else's live patch is left alone, unless all are to go", () => {
  always(({ goal, run }, action) => {
    if (action.do !== 'disable' && action.do !== 'unload') return;
    const isAsked = (goal.kind === 'revert' && goal.all) || run.taken.includes('kpatch_x');
    if (!isAsked) expect(action.module).not.toBe('kpatch_x');
  });
});
