import { expect, it } from 'vitest';
import { LivepatchError, withHint } from '../src/errors.ts';

it('is told with what to do next, where that is known', () => {
  expect(withHint(new LivepatchError('kernel-refused', 'no', { hint: 'Enrol it.' }))).toBe('no\nEnrol it.');
  expect(withHint(new LivepatchError('general', 'no'))).toBe('no');
});
