import { describe, expect, it } from 'vitest';
import { type ErrorCode, EXIT_STATUS, LivepatchError } from '../../src/errors.ts';
import { auditOf } from '../../src/policy/audit.ts';
import type { Event } from '../../src/policy/loop.ts';
import { type Memory, NEW_RUN } from '../../src/policy/record.ts';
import { Secret } from '../../src/secret.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import type { Hold, State } from '../../src/types.ts';
import { applied, MACHINE, moduleOf, offers, patch, pending } from './situation.ts';

const error = (code: ErrorCode = 'transition') => new LivepatchError(code, 'it went wrong');
const one = patch('121.1');
const hold = (why: Hold['why'], version = '121.1'): Hold => ({
  version,
  why,
  message: 'because',
  missed: [],
  releasedAt: '',
});
const having = (state: Partial<State> = {}, more: Partial<Memory> = {}): Memory => ({
  state: { ...EMPTY_STATE, ...state },
  pending: [],
  run: NEW_RUN,
  ...more,
});
const failed = { what: 'failed', version: '121.1', why: 'transition', message: 'it went wrong' };
const refused = { ...failed, what: 'refused', why: 'signature' };
const denied = { what: 'denied', why: 'server-refused', message: 'it went wrong' };
const finished = (live: string[]): Event => ({
  kind: 'transition-finished',
  patch: patch('122.1'),
  seconds: 1,
  live,
});

describe('what of an event goes into the history', () => {
  it.each<[what: string, Event, Memory, object[]]>([
    ['a registration', { kind: 'registered', token: new Secret('x') }, having(), [{ what: 'enabled' }]],
    ['its end', { kind: 'erased', wasEnabled: true }, having(), [{ what: 'disabled' }]],
    ['not the end of none', { kind: 'erased', wasEnabled: false }, having(), []],
    [
      'a check that was denied',
      { kind: 'check-failed', error: error('server-refused'), denied: true, warnings: [] },
      having(),
      [denied],
    ],
    ...(['expired', 'clock'] as const).map((why): [string, Event, Memory, object[]] => [
      `a check that failed because of what is ${why}`,
      { kind: 'check-failed', error: error(why), denied: false, warnings: [] },
      having(),
      [{ what: 'expired', why, message: 'it went wrong' }],
    ]),
    [
      'not a check that failed',
      { kind: 'check-failed', error: error('network'), denied: false, warnings: [] },
      having(),
      [],
    ],
    [
      'not a check',
      { kind: 'checked-in', advice: offers('121.1'), issuedAt: undefined, warnings: [] },
      having(),
      [],
    ],
    [
      'a patch',
      finished([moduleOf('122')]),
      having(),
      [{ what: 'applied', version: '122.1', replaced: undefined }],
    ],
    [
      'a patch and what it replaced',
      finished([moduleOf('122')]),
      having({ applied: [applied('120.1'), applied('121.1')] }),
      [{ what: 'applied', version: '122.1', replaced: ['120.1', '121.1'] }],
    ],
    [
      'a patch beside another',
      finished([moduleOf('121'), moduleOf('122')]),
      having({ applied: [applied('121.1')] }),
      [{ what: 'applied', version: '122.1', replaced: undefined }],
    ],
    [
      'a patch that comes back',
      finished([moduleOf('122')]),
      having({ applied: [applied('122.1')] }),
      [{ what: 'applied', version: '122.1', replaced: undefined }],
    ],
    [
      'a patch after a reboot',
      finished([moduleOf('122')]),
      having({ applied: [applied('121.1', { bootId: 'before' })] }),
      [{ what: 'applied', version: '122.1', replaced: undefined }],
    ],
    [
      'a patch and what it displaced',
      finished([moduleOf('122')]),
      having({ displaced: applied('122.0') }),
      [{ what: 'applied', version: '122.1', replaced: ['122.0'] }],
    ],
    [
      'a patch and not what was displaced in another boot',
      finished([moduleOf('122')]),
      having({ displaced: applied('122.0', { bootId: 'before' }) }),
      [{ what: 'applied', version: '122.1', replaced: undefined }],
    ],
    [
      'a revert',
      { kind: 'disabled', module: moduleOf('121'), why: 'reverted' },
      having({ applied: [applied('121.1')] }),
      [{ what: 'reverted', version: '121.1' }],
    ],
    [
      'a revert of what was begun',
      { kind: 'disabled', module: moduleOf('121'), why: 'reverted' },
      having({}, { pending: [pending('121.1')] }),
      [{ what: 'reverted', version: '121.1' }],
    ],
    [
      'what was withdrawn and taken out',
      { kind: 'disabled', module: moduleOf('121'), why: 'withdrawn' },
      having({ applied: [applied('121.1')] }),
      [{ what: 'reverted', version: '121.1' }],
    ],
    [
      "not somebody else's that was taken out",
      { kind: 'disabled', module: 'kpatch_x', why: 'reverted' },
      having({ applied: [applied('121.1')] }),
      [],
    ],
    [
      'not what made room',
      { kind: 'disabled', module: moduleOf('121'), why: 'in-the-way' },
      having({ applied: [applied('121.1')] }),
      [],
    ],
    [
      'not what failed and goes',
      { kind: 'disabled', module: moduleOf('121'), why: 'failed' },
      having({ applied: [applied('121.1')] }),
      [],
    ],
    [
      'a file that was refused',
      { kind: 'refused', sha256: 'a', expected: one, error: error('signature') },
      having(),
      [refused],
    ],
    [
      'not a file that nobody named',
      { kind: 'refused', sha256: 'a', expected: undefined, error: error('signature') },
      having(),
      [],
    ],
    [
      'a module that the kernel refused',
      { kind: 'insertion-refused', patch: one, error: error() },
      having(),
      [failed],
    ],
    [
      'a transition that failed',
      { kind: 'transition-failed', patch: one, error: error() },
      having(),
      [failed],
    ],
    ['a bug', { kind: 'bug-found', patch: one, trace: [], error: error() }, having(), [failed]],
    [
      'a failure with a patch',
      { kind: 'failed', action: 'fetch', patch: one, error: error() },
      having(),
      [failed],
    ],
    [
      'a failure with a forged patch',
      { kind: 'failed', action: 'fetch', patch: one, error: error('signature') },
      having(),
      [refused],
    ],
    [
      'not a failure without one',
      { kind: 'failed', action: 'erase', patch: undefined, error: error() },
      having(),
      [],
    ],
    [
      'a denial',
      { kind: 'failed', action: 'register', patch: undefined, error: error('server-refused'), denied: true },
      having(),
      [denied],
    ],
    [
      'the failure at the end',
      { kind: 'concluded', held: [], failure: { patch: one, error: error() } },
      having(),
      [failed],
    ],
    [
      'what is held back',
      { kind: 'concluded', held: [hold('reverted')], failure: undefined },
      having(),
      [{ what: 'held', version: '121.1', why: 'reverted', message: 'because' }],
    ],
    [
      'what is held back, once',
      { kind: 'concluded', held: [hold('reverted')], failure: undefined },
      having({ held: [hold('reverted')] }),
      [],
    ],
    [
      'what is held back for another reason',
      { kind: 'concluded', held: [hold('reverted')], failure: undefined },
      having({ held: [hold('crashed')] }),
      [{ what: 'held', version: '121.1', why: 'reverted', message: 'because' }],
    ],
    [
      'another that is held back',
      { kind: 'concluded', held: [hold('reverted')], failure: undefined },
      having({ held: [hold('reverted', '120.1')] }),
      [{ what: 'held', version: '121.1', why: 'reverted', message: 'because' }],
    ],
    ['nothing else', { kind: 'idle' }, having(), []],
  ])('%s', (_what, event, memory, entries) => {
    expect(auditOf(event, memory, MACHINE)).toEqual(entries);
  });

  it('says refused of whatever is no proof, and failed of all else', () => {
    for (const code of Object.keys(EXIT_STATUS) as ErrorCode[]) {
      const [entry] = auditOf(
        { kind: 'failed', action: 'x', patch: one, error: error(code) },
        having(),
        MACHINE,
      );
      const isRefusal = ['signature', 'digest', 'metadata', 'kernel-mismatch', 'archive', 'module'].includes(
        code,
      );
      if (isRefusal) expect(entry?.what, code).toBe('refused');
      if (['network', 'kernel-refused', 'transition', 'kernel-bug', 'storage'].includes(code))
        expect(entry?.what, code).toBe('failed');
    }
  });
});
