import type { Finding } from '../types.ts';
import { plain } from './plain.ts';

const MARKS = { ok: '✓', wrong: '✗', unknown: '⧗' } as const;

/** For people: a line each, and under it what to do next. */
export function renderFindings(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ check, found, next, verdict }) => [
      `${MARKS[verdict]} ${check}: ${found}`,
      ...(next === undefined ? [] : [`    next: ${next}`]),
    ])
    .map((line) => plain(line))
    .join('\n');
}
