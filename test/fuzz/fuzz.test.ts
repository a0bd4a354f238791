import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fuzz, keep } from './fuzz.ts';
import { mutate, randomOf } from './mutate.ts';
import { accepts, TARGETS } from './targets.ts';

const corpus = TARGETS.flatMap((target) => {
  const directory = join(import.meta.dirname, 'corpus', target.name);
  return readdirSync(directory).map((file) => ({
    name: `${target.name}/${file}`,
    target,
    input: readFileSync(join(directory, file)),
    good: !file.startsWith('finding-'),
  }));
});

describe('the corpus', () => {
  test.each(corpus)('$name is accepted, unless it once was a finding', async ({ target, input, good }) => {
    expect(await accepts(target, input)).toBe(good);
  });

  test('is small', () => {
    expect(corpus.reduce((sum, { input }) => sum + input.length, 0)).toBeLessThan(300 * 1024);
  });
});

test('the same seed makes the same inputs', () => {
  const made = (seed: number) => {
    const random = randomOf(seed);
    return Array.from({ length: 100 }, () => mutate(Buffer.from('one'), Buffer.from('other'), random, 64));
  };
  expect(made(1)).toEqual(made(1));
  expect(made(1)).not.toEqual(made(2));
});

// The long run is `npm run fuzz`.
test('some seconds of fuzzing find nothing', { timeout: 60_000 }, async () => {
  const seed = Date.now() % 2 ** 32;
  const { findings, progress } = await fuzz({ seed, milliseconds: 4000 });
  expect(findings.map(keep)).toEqual([]);
  for (const { name } of TARGETS) expect(progress?.targets[name]?.executions, name).toBeGreaterThan(10);
});
