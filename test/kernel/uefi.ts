import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * OVMF, the UEFI firmware of Debian's package `ovmf`, and its variable store, empty and never written to. From Debian 13
 * on there is only the build for flash of 4 MiB.
 */
export function ovmf(): { code: string; variables: string } {
  const size = existsSync('/usr/share/OVMF/OVMF_CODE.fd') ? '' : '_4M';
  return {
    code: `/usr/share/OVMF/OVMF_CODE${size}.fd`,
    variables: `/usr/share/OVMF/OVMF_VARS${size}.fd`,
  };
}

const GUID = {
  /** EFI_IMAGE_SECURITY_DATABASE_GUID: the vendor of `db`. */
  securityDatabase: guid('d719b2cb-3d3a-4596-a3bc-dad00e67656f'),
  /** EFI_CERT_X509_GUID */
  x509: guid('a5c059a1-94e4-4aa7-87b5-ab155c2bf072'),
  /** EFI_GLOBAL_VARIABLE, as the owner of what we put in; nobody looks at it. */
  owner: guid('8be4df61-93ca-11d2-aa0d-00e098032b8c'),
};
/** EFI_FIRMWARE_VOLUME_HEADER.HeaderLength */
const VOLUME_HEADER_LENGTH_AT = 48;
const STORE_HEADER_SIZE = 28;
/** Non-volatile, boot service, runtime, time-based authenticated. */
const ATTRIBUTES = 0x27;

/**
 * A store of UEFI variables with one in it: `db`, holding these certificates (DER). The kernel takes them into its
 * platform keyring, and verifies modules against that; Secure Boot is off for want of a platform key, so nothing else
 * comes of it.
 */
export async function uefiVariables(certificates: readonly Uint8Array[]): Promise<Buffer> {
  const { variables } = ovmf();
  const store = await readFile(variables);
  const at = store.readUInt16LE(VOLUME_HEADER_LENGTH_AT) + STORE_HEADER_SIZE;
  if (store.readUInt16LE(at) !== 0xffff) throw new Error(`${variables} is not empty`);
  store.set(variable('db', GUID.securityDatabase, Buffer.concat(certificates.map(signatureList))), at);
  return store;
}

/** AUTHENTICATED_VARIABLE_HEADER (EDK II MdeModulePkg/Include/Guid/VariableFormat.h), name and data. */
function variable(name: string, vendor: Buffer, data: Buffer): Buffer {
  const text = Buffer.from(`${name}\0`, 'utf16le');
  const header = Buffer.alloc(60);
  header.writeUInt16LE(0x55aa, 0);
  // VAR_ADDED: flash is erased to ones, and each step of writing a variable clears a bit.
  header.writeUInt8(0x3f, 2);
  header.writeUInt32LE(ATTRIBUTES, 4);
  header.writeUInt32LE(text.length, 36);
  header.writeUInt32LE(data.length, 40);
  vendor.copy(header, 44);
  return Buffer.concat([header, text, data]);
}

/** EFI_SIGNATURE_LIST with one certificate (UEFI 2.10 section 32.4.1): all in a list are of one size. */
function signatureList(certificate: Uint8Array): Buffer {
  const header = Buffer.alloc(28);
  const size = 16 + certificate.length;
  GUID.x509.copy(header);
  header.writeUInt32LE(header.length + size, 16);
  header.writeUInt32LE(size, 24);
  return Buffer.concat([header, GUID.owner, certificate]);
}

/** The first three groups are little-endian numbers, the others bytes. */
function guid(text: string): Buffer {
  const [first = '', second = '', third = '', ...rest] = text.split('-');
  const numbers = [first, second, third].map((digits) => Buffer.from(digits, 'hex').reverse());
  return Buffer.concat([...numbers, Buffer.from(rest.join(''), 'hex')]);
}
