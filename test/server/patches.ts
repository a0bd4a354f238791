import { open } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { authenticate, type Call, Refusal, type Reply } from './http.ts';

/** `GET /v1/patches/<file>`: the file, or the asked part of it. The database names the files, never the path. */
export async function patchFile(call: Call): Promise<Reply> {
  const { tier } = authenticate(call);
  const patch = call.database.patchFile(call.segment, tier);
  if (patch === undefined) throw new Refusal(404, 'Not Found');

  const { file, size, sha256 } = patch;
  const etag = `"${sha256}"`;
  const range = requestedRange(call.request.headers, etag, size);
  if (range === 'unsatisfiable') {
    return {
      status: 416,
      headers: { 'content-range': `bytes */${size}` },
      body: { error: 'Range Not Satisfiable' },
    };
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const handle = await open(join(call.files, file));
  return {
    status: range ? 206 : 200,
    headers: {
      'content-type': 'application/gzip',
      'content-length': String(end - start + 1),
      'accept-ranges': 'bytes',
      etag,
      ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
    },
    body: handle.createReadStream({ start, end }),
  };
}

/**
 * The one range of bytes that is asked for, both ends included (RFC 9110 §14). What is malformed, counts in
 * something else, or asks for several is ignored, and so is a range of another file than the present one (If-Range).
 */
function requestedRange(
  headers: IncomingHttpHeaders,
  etag: string,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const ifRange = headers['if-range'];
  if (ifRange !== undefined && ifRange !== etag) return undefined;
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;

  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}
