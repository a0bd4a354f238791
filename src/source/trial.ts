import { LIMITS } from '../limits.ts';
import type { NetworkDeps } from './network-deps.ts';

/** For somebody who waits to see whether a source answers: one try of each request, and one deadline for all of them. */
export function trialDeps(limits: NetworkDeps['limits'] = LIMITS.network): Pick<NetworkDeps, 'limits'> {
  const deadline = performance.now() + LIMITS.doctor.answerTime;
  return {
    limits: {
      ...limits,
      attempts: 1,
      bootPatience: 0,
      get answerTime() {
        return Math.max(1, deadline - performance.now());
      },
    },
  };
}
