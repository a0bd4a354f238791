import type { Result } from '../operations/carry-out.ts';

/** One greppable line for what a run came to. */
export function resultSentence(result: Result): string {
  switch (result.action) {
    case 'applied':
      return `applied: patch ${result.patch.version}`;
    case 'hold':
      return `held back: ${result.hold.message}`;
    case 'keep':
      return `nothing to do: ${KEPT[result.why]}`;
  }
}

const KEPT = {
  'already-applied': 'the kernel is up to date',
  'nothing-offered': 'no patch is due',
  'not-due': 'the last check is not older than check-interval, or automatic checks are off',
  'not-enabled': 'the machine is not enabled',
  mode: 'canonical_livepatch_mode says so',
};
