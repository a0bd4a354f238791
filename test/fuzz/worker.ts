import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { type Coverage, startCoverage } from './coverage.ts';
import type { Finding, Order, Progress } from './fuzz.ts';
import { mutate, pick, randomOf } from './mutate.ts';
import { accepts, corpusOf, TARGETS, type Target } from './targets.ts';

/** Inputs between two looks at the coverage, which costs a millisecond. */
const BATCH = 64;
/** Milliseconds for each target in turn. */
const TURN = 200;
const LONGEST_INPUT = 64 * 1024;
/** The slowest input measured takes 60 ms, on a busy machine; a parser that is quadratic takes far longer. */
const SLOW = 2000;
/** How much larger the process may become, garbage included. */
const LARGE = 384 * 2 ** 20;

const { seed, milliseconds, current } = workerData as Order;
const random = randomOf(seed);
const memoryAtStart = process.memoryUsage.rss();
const reported = new Set<string>();

function send(message: Progress | Finding): void {
  parentPort?.postMessage(message);
}

/** Runs one input, where the thread that watches over this one can see it. */
async function run(target: Target, input: Buffer): Promise<void> {
  new Uint8Array(current, 8).set(input);
  new Uint32Array(current, 0, 2).set([TARGETS.indexOf(target), input.length]);
  // Of the processor: on a machine that does much else, a wait says nothing of the input.
  const start = process.cpuUsage();
  try {
    progressOf(target).accepted += (await accepts(target, input)) ? 1 : 0;
    const { user, system } = process.cpuUsage(start);
    if (user + system > SLOW * 1000) throw new Error(`took ${Math.round((user + system) / 1000)} ms`);
  } catch (error) {
    report(target, input, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  progressOf(target).executions++;
}

/** The same failure many times over is one finding. */
function report({ name }: Target, input: Buffer, error: string): void {
  const key = createHash('sha256')
    .update(name + error.replace(/\d+/g, ''))
    .digest('hex');
  if (reported.has(key)) return;
  reported.add(key);
  send({ kind: 'finding', target: name, seed, error, input });
}

const corpora = new Map(TARGETS.map((target) => [target, corpusOf(target)]));
const progress = new Map(TARGETS.map(({ name }) => [name, { executions: 0, accepted: 0, corpus: 0 }]));

function progressOf({ name }: Target) {
  const of = progress.get(name);
  if (of === undefined) throw new Error(`no target ${name}`);
  return of;
}

function change(target: Target, input: Buffer, crossed: Buffer): Buffer {
  const changed =
    target.mutate !== undefined && random(2) === 0
      ? target.mutate(input, crossed, random).subarray(0, LONGEST_INPUT)
      : mutate(input, crossed, random, LONGEST_INPUT);
  return target.repair !== undefined && random(8) > 0 ? target.repair(changed) : changed;
}

/** Mutates what has been found to be interesting; what reaches new code is interesting, too. */
async function fuzz(target: Target, corpus: Buffer[], coverage: Coverage): Promise<void> {
  const inputs = Array.from({ length: BATCH }, () =>
    change(target, pick(corpus, random), pick(corpus, random)),
  );
  for (const input of inputs) await run(target, input);
  const growth = process.memoryUsage.rss() - memoryAtStart;
  if (growth > LARGE) report(target, inputs.at(-1) ?? Buffer.alloc(0), `the process grew by ${growth} bytes`);
  if (!(await coverage.isNew(false))) return;
  for (const input of inputs) {
    await run(target, input);
    if (await coverage.isNew(true)) corpus.push(input);
  }
}

const coverage = await startCoverage();
const end = performance.now() + milliseconds;
for (const [target, corpus] of corpora) {
  for (const input of corpus) await run(target, input);
}
await coverage.isNew(true);
do {
  for (const [target, corpus] of corpora) {
    const turn = Math.min(performance.now() + TURN, end);
    do await fuzz(target, corpus, coverage);
    while (performance.now() < turn);
    progressOf(target).corpus = corpus.length;
    const memory = process.memoryUsage.rss();
    send({ kind: 'progress', targets: Object.fromEntries(progress), reached: coverage.reached(), memory });
  }
} while (performance.now() < end);
coverage.stop();
