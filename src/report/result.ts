import { type Action, type KeptWhy, keyOf, type RefreshResult } from '../policy/loop.ts';

export type { RefreshResult };

/** One greppable line for what a run came to. */
export function resultSentence(result: RefreshResult): string {
  switch (result.kind) {
    case 'applied':
      return `applied: ${listOf(result.patches)}`;
    case 'held':
      return `held back: ${result.held[0]?.message ?? 'a patch that is due'}`;
    case 'kept':
      return `nothing to do: ${KEPT[result.why]}`;
    case 'would':
      return `would ${sentenceOf(result.action)}`;
  }
}

function listOf(patches: readonly { version: string }[]): string {
  return patches.map(({ version }) => `patch ${version}`).join(', ');
}

const KEPT: Record<KeptWhy, string> = {
  'already-applied': 'the kernel is up to date',
  'bug-in-use': 'the kernel found a bug in the patch that is in use; it stays until the next boot',
  'nothing-offered': 'no patch is due',
  'not-due': 'the last check is not older than check-interval, or automatic checks are off',
  'not-enabled': 'the machine is not enabled',
  mode: 'canonical_livepatch_mode says so',
};

/** What a dry run would do next. */
function sentenceOf(action: Action): string {
  switch (action.do) {
    case 'fetch':
      return `download patch ${action.candidate.version}, verify it and apply it`;
    case 'begin-insertion':
    case 'insert':
      return `apply patch ${action.patch.version}`;
    case 'wait-for-transition':
    case 'watch':
    case 'clear-pending':
      return 'finish what an interrupted run began';
    default:
      return keyOf(action);
  }
}
