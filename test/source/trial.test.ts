import { expect, it, vi } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { inMemory, onTopOf } from '../../src/source/catalogue/metadata-store.ts';
import { NETWORK_DEPS } from '../../src/source/network-deps.ts';
import { withRetry } from '../../src/source/retry.ts';
import { trialDeps } from '../../src/source/trial.ts';

it('asks once, even while the machine boots', async () => {
  const ask = vi.fn(async () => {
    throw new LivepatchError('network', 'nobody there', {
      cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }),
    });
  });
  await expect(withRetry({ ...NETWORK_DEPS, ...trialDeps(), uptime: () => 0 }, ask)).rejects.toThrow(
    'nobody',
  );
  expect(ask).toHaveBeenCalledTimes(1);
});

it('leaves to each request what the ones before have left of the time', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { limits } = trialDeps();
  expect(limits.answerTime).toBe(LIMITS.doctor.answerTime);
  vi.advanceTimersByTime(1000);
  expect(limits.answerTime).toBe(LIMITS.doctor.answerTime - 1000);
  vi.advanceTimersByTime(60_000);
  expect(limits.answerTime).toBe(1);
  vi.useRealTimers();
});

it('keeps nothing of a catalogue', () => {
  const kept = inMemory([['root.json', Buffer.from('old')]]);
  const store = onTopOf(kept);
  expect(store.read('root.json')?.toString()).toBe('old');
  store.write('root.json', Buffer.from('new'));
  expect(store.read('root.json')?.toString()).toBe('new');
  expect(kept.read('root.json')?.toString()).toBe('old');
});
