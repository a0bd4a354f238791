import * as v from 'valibot';
import { ArchitectureName, KernelVersion } from '../../src/schemas.ts';
import type { SupportedAnswer } from '../../src/source/server/messages.ts';
import { type Call, type Reply, validate } from './http.ts';

const Query = v.object({ 'kernel-version': KernelVersion, architecture: ArchitectureName });

/** `GET /v1/api/kernels/supported`: open to anybody, so that a machine can ask before it registers. */
export function supported({ query, database }: Call): Reply {
  const { 'kernel-version': kernel, architecture } = validate(Query, Object.fromEntries(query));
  const Supported = database.kernel(kernel, architecture)?.support ?? 'unsupported';
  return { status: 200, body: { Supported } satisfies v.InferInput<typeof SupportedAnswer> };
}
