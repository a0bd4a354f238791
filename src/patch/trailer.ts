import { LivepatchError } from '../errors.ts';

/** `MODULE_SIG_STRING` of include/linux/module_signature.h. */
const MARKER = Buffer.from('~Module signature appended~\n');
/** `sizeof(struct module_signature)`. */
const TRAILER_SIZE = 12;
/** `enum pkey_id_type`: the only one that the kernel still takes. */
const PKEY_ID_PKCS7 = 2;

/**
 * Takes an appended signature off a module file, as the kernel does (kernel/module/signing.c `module_sig_check` and
 * `mod_verify_sig`, kernel/module_signature.c `mod_check_sig`):
 *
 *     content ‖ PKCS#7 ‖ struct module_signature ‖ "~Module signature appended~\n"
 *
 * Gives views into `file`: what was signed and the PKCS#7 over it; no `signature` when the file carries no marker.
 * Throws 'signature' when there is a marker but the trailer is not exactly what sign-file writes.
 */
export function splitSignedModule(file: Uint8Array): { content: Uint8Array; signature?: Uint8Array } {
  if (!MARKER.equals(file.subarray(-MARKER.length))) return { content: file };

  const trailerAt = file.length - MARKER.length - TRAILER_SIZE;
  if (trailerAt < 0) throw new LivepatchError('signature', 'the signature trailer is cut short');
  const trailer = new DataView(file.buffer, file.byteOffset + trailerAt, TRAILER_SIZE);

  if (trailer.getUint8(2) !== PKEY_ID_PKCS7) {
    throw new LivepatchError('signature', 'the signature is not a PKCS#7 message');
  }
  // algo, hash, signer_len, key_id_len and the padding belong to formats that are gone; the kernel wants them zero.
  for (const field of [0, 1, 3, 4, 5, 6, 7]) {
    if (trailer.getUint8(field) !== 0) {
      throw new LivepatchError('signature', 'the signature trailer has a field set that must be zero');
    }
  }
  const size = trailer.getUint32(8);
  if (size === 0 || size >= trailerAt) {
    throw new LivepatchError('signature', 'the signature trailer gives an impossible size');
  }
  return {
    content: file.subarray(0, trailerAt - size),
    signature: file.subarray(trailerAt - size, trailerAt),
  };
}

/** A module file: content, signature, trailer, marker; what `splitSignedModule` takes apart. */
export function appendSignature(content: Uint8Array, signature: Uint8Array): Uint8Array {
  const trailer = Buffer.alloc(TRAILER_SIZE);
  trailer[2] = PKEY_ID_PKCS7;
  trailer.writeUInt32BE(signature.length, 8);
  return Buffer.concat([content, signature, trailer, MARKER]);
}
