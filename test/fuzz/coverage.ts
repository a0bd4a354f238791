import { Session } from 'node:inspector/promises';

/** Tells whether code of the readers was reached that had never been reached before. */
export interface Coverage {
  /** What was reached since the last call, and was new; it is known from now on when `keep` is set. */
  isNew(keep: boolean): Promise<boolean>;
  /** Bytes of source that were reached so far. */
  reached(): number;
  stop(): void;
}

/** The files that read what strangers write. */
const READERS =
  /\/src\/(patch\/|schemas|source\/catalogue\/kernel-index|source\/server\/messages|kernel\/fault)/;

/** V8's own block coverage of this thread: no instrumentation, and the code runs nearly at its speed. */
export async function startCoverage(): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const known = new Map<string, Uint8Array>();

  return {
    async isNew(keep) {
      const { result } = await session.post('Profiler.takePreciseCoverage');
      let found = false;
      for (const { url, functions } of result) {
        if (!READERS.test(url)) continue;
        const size = Math.max(...functions.flatMap(({ ranges }) => ranges.map(({ endOffset }) => endOffset)));
        const before = known.get(url) ?? new Uint8Array();
        const reached = new Uint8Array(Math.max(size, before.length));
        // Outer ranges come before the inner ones, which say what of them is otherwise.
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            reached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
          }
        }
        if (reached.some((bit, at) => bit === 1 && before[at] !== 1)) {
          found = true;
          if (keep)
            known.set(
              url,
              reached.map((bit, at) => bit | (before[at] ?? 0)),
            );
        }
      }
      return found;
    },
    reached: () =>
      [...known.values()].reduce((sum, bits) => bits.reduce((total, bit) => total + bit, sum), 0),
    stop: () => session.disconnect(),
  };
}
