import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { LivepatchError } from '../../src/errors.ts';
import { parseCertificates } from '../../src/patch/trust.ts';

/** Fields of a bzImage's setup header (Documentation/x86/boot.rst). */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
/** The kernel's build appends the unpacked size to the payload. */
const APPENDED = 4;
/** More than any kernel unpacks to. */
const VMLINUX = 512 * 1024 * 1024;
/** `version [0] EXPLICIT v3`, 8 bytes into every certificate between 256 bytes and 64 KiB. */
const VERSION_3 = Buffer.from('a003020102', 'hex');
const VERSION_AT = 8;
/** The tag, and that two octets of length follow. */
const SEQUENCE_OF_16_BITS = 0x3082;

/** The RSA certificates built into a kernel, in DER: the one that its modules are signed with is among them. */
export function kernelCertificates(image: string): Buffer[] {
  const vmlinux = extractVmlinux(readFileSync(image));
  const found: Buffer[] = [];
  for (let at = vmlinux.indexOf(VERSION_3); at !== -1; at = vmlinux.indexOf(VERSION_3, at + 1)) {
    const start = at - VERSION_AT;
    if (start < 0 || vmlinux.readUInt16BE(start) !== SEQUENCE_OF_16_BITS) continue;
    const der = vmlinux.subarray(start, start + 4 + vmlinux.readUInt16BE(start + 2));
    if (isCertificate(der)) found.push(der);
  }
  return found;
}

function isCertificate(der: Buffer): boolean {
  try {
    return parseCertificates(der, 'the kernel').length === 1;
  } catch (error) {
    if (error instanceof LivepatchError) return false;
    throw error;
  }
}

/** What scripts/extract-vmlinux does, by the header instead of by trial. Debian's kernels are packed with xz. */
function extractVmlinux(image: Buffer): Buffer {
  const start = (image.readUInt8(SETUP_SECTORS) + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH) - APPENDED);
  // Not our own decoder: it has no filter for x86 code, which no patch file needs.
  return execFileSync('xz', ['--decompress', '--stdout'], { input: payload, maxBuffer: VMLINUX });
}
