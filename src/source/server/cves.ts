import { createHash } from 'node:crypto';
import type { CvesFetched } from '../source.ts';
import type { Transport } from '../transport.ts';
import { badAnswer, exchange, parse, type Request } from './exchange.ts';
import { CvesAnswer } from './messages.ts';

/**
 * Fetches CVE data, unless it is what is known already (RFC 9110 section 13.1.2).
 * @param known the digest of that.
 * @throws LivepatchError as exchange.ts says; `bad-answer` also when the data does not hash to its ETag, for then it
 * was damaged on its way, and would never be asked for again.
 */
export async function fetchCves(
  carrier: Transport,
  request: Request,
  known: string | undefined,
): Promise<CvesFetched> {
  const asked = known === undefined ? request : { ...request, headers: { 'if-none-match': `"${known}"` } };
  const expected = known === undefined ? [200, 204] : [200, 204, 304];
  const { headers, status, text } = await exchange(carrier, asked, expected);
  if (status === 304) return 'unchanged';
  if (status === 204) return 'none';
  const digest = createHash('sha256').update(text).digest('hex');
  if (headers.etag !== `"${digest}"`) throw badAnswer(request, 'its ETag is not its SHA-256');
  const { kernelPackageFixes, timestamp } = parse(request, text, CvesAnswer);
  return { digest, timestamp, kernelPackageFixes };
}
