import { expect } from 'vitest';
import { type ErrorCode, LivepatchError } from '../../../src/errors.ts';

/** What a call throws, or rejects with. Fails when it does neither. */
async function failureOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}

/** The call is refused with this code, for this reason. */
export async function expectRefusal(run: () => unknown, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await failureOf(run);
  expect(error).toBeInstanceOf(LivepatchError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

/** Whether the call went through. Anything thrown but a refusal with one of these codes fails the test. */
export async function isAccepted(run: () => unknown, ...codes: ErrorCode[]): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (error instanceof LivepatchError && codes.includes(error.code)) return false;
    throw error;
  }
}
