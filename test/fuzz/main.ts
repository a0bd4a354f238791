import { fuzz, keep, type Progress } from './fuzz.ts';

/** `npm run fuzz -- [minutes] [seed]`: fuzzes every parser of untrusted bytes, for ten minutes by default. */
const [minutes = '10', seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
const started = performance.now();
let lastLine = 0;

function show({ targets, reached, memory }: Progress): void {
  const elapsed = Math.round((performance.now() - started) / 1000);
  if (elapsed < lastLine + 10) return;
  lastLine = elapsed;
  const all = Object.entries(targets);
  const executions = all.reduce((sum, [, target]) => sum + target.executions, 0);
  const corpus = all.reduce((sum, [, target]) => sum + target.corpus, 0);
  const line = `${elapsed} s: ${executions} executions, ${corpus} inputs in the corpus`;
  process.stdout.write(`${line}, ${reached} bytes of code reached, ${Math.round(memory / 2 ** 20)} MiB\n`);
}

process.stdout.write(`fuzzing for ${minutes} min, seed ${seed}\n`);
const { findings, progress } = await fuzz({
  seed: Number(seed),
  milliseconds: Number(minutes) * 60_000,
  onProgress: show,
});
for (const [name, { executions, accepted, corpus }] of Object.entries(progress?.targets ?? {})) {
  process.stdout.write(`${name}: ${executions} executions, ${accepted} accepted, corpus ${corpus}\n`);
}
for (const finding of findings) process.stdout.write(`${keep(finding)}\n`);
process.stdout.write(`${findings.length} findings\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
