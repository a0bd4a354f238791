import { printable } from '../text.ts';

/**
 * Addresses that administrators write (of proxies, of what needs none, of the server) and that servers name: what is
 * wrong with them, and which of them are the same. Nothing here repeats a text that may hold a password.
 */

/** An IP address as a number. IPv6 addresses that stand for IPv4 ones are those. */
interface Address {
  bits: 32 | 128;
  value: bigint;
}

interface Range extends Address {
  /** How many of the first bits count. */
  prefix: number;
}

/** The longest name of a host (RFC 1035 section 2.3.4); what is longer is cut in messages. */
const LONGEST = 253;

const SERVER_SCHEMES = ['https:', 'http:'];
const PROXY_SCHEMES = ['http:', 'https:', 'socks5:'];

/** What in an address of a proxy would be taken for the end of the user and password, and how it is written. */
const ENCODED = new Map([
  ['@', '%40'],
  ['/', '%2F'],
  ['\\', '%5C'],
  ['?', '%3F'],
  ['#', '%23'],
]);

/** `proxy.example.com:3128` and `192.0.2.1` are http, as everywhere. */
export function withScheme(text: string): string {
  return text.includes('://') ? text : `http://${text}`;
}

/** @returns what is wrong with the address of a proxy, such that it follows "http-proxy: "; undefined when it is good. */
export function proxyProblem(text: string): string | undefined {
  if (/[\s\p{Cc}]/u.test(text)) return 'must hold no white space; in a password, write %20';
  const address = withScheme(text);
  const authority = address.slice(address.indexOf('://') + 3);
  const at = authority.lastIndexOf('@');
  return (
    credentialsProblem(authority.slice(0, Math.max(at, 0))) ??
    placeProblem(authority.slice(at + 1)) ??
    (isUrl(address, PROXY_SCHEMES) ? undefined : 'is not the address of an http, https or socks5 proxy')
  );
}

function credentialsProblem(credentials: string): string | undefined {
  const raw = [...credentials].find((character) => ENCODED.has(character));
  if (raw !== undefined) return `holds a ${raw} in its user or password: write ${ENCODED.get(raw)} there`;
  if (/%(?![0-9A-Fa-f]{2})/.test(credentials)) {
    return 'holds a % in its user or password that encodes nothing: write %25 there';
  }
  try {
    decodeURIComponent(credentials);
    return undefined;
  } catch {
    return 'encodes a user or password that is not UTF-8';
  }
}

/** What follows the user and password is a host, a port, and no more than one slash. */
function placeProblem(place: string): string | undefined {
  if (place.includes('?')) return 'must hold no query (?)';
  if (place.includes('#')) return 'must hold no fragment (#)';
  return /[/\\]./.test(place) ? 'must hold no path (/)' : undefined;
}

/** @returns what is wrong with `remote-server`; undefined when it is good. */
export function serverUrlProblem(text: string): string | undefined {
  if (/[\s\p{Cc}]/u.test(text)) return 'must hold no white space';
  if (text.includes('?')) return 'must hold no query (?)';
  if (text.includes('#')) return 'must hold no fragment (#)';
  if (!isUrl(text, SERVER_SCHEMES)) return 'must be a URL that begins with https:// or http://';
  const { password, username } = new URL(text);
  // They would end up in every message that names the server.
  return username === '' && password === '' ? undefined : 'must hold no user or password';
}

/** WHATWG URLs may lack the slashes (`https:host`), which nobody means. */
function isUrl(text: string, schemes: string[]): boolean {
  const url = URL.parse(text);
  const { hostname = '', protocol = '' } = url ?? {};
  return hostname !== '' && schemes.includes(protocol) && text.toLowerCase().startsWith(`${protocol}//`);
}

/** An entry of no-proxy: any host, or one by address, range or name (which stands for all names below it, too). */
type Exemption = { port?: string | undefined } & (
  | { any: true }
  | { range: Range }
  | { name: string }
  | { problem: string }
);

/** @returns which entry of a no-proxy list can never match, and why; undefined when each of them can. */
export function noProxyProblem(text: string): string | undefined {
  for (const [index, entry] of entriesOf(text).entries()) {
    const exemption = exemptionOf(entry);
    if (!('problem' in exemption)) continue;
    // The address of a proxy may have been put here by mistake, with its password.
    const named = entry.includes('@') ? `entry ${index + 1}` : `"${printable(entry, LONGEST)}"`;
    return `${named} can never match: ${exemption.problem}`;
  }
  return undefined;
}

/**
 * Whether a URL is reached without a proxy. Entries are separated by commas or white space: `*`; a name, with or without
 * a leading `.` or `*.`; an address or a CIDR range; each but a range may end in `:port`. Spellings of one address or
 * name are equal: case, a dot at the end, zeros in IPv6, IPv4 in IPv6. An entry that can never match is passed over.
 */
export function isExempt(url: URL, noProxy: string): boolean {
  const host = hostOf(url.hostname);
  const address = addressOf(host);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return entriesOf(noProxy)
    .map(exemptionOf)
    .some((exemption) => {
      if (exemption.port !== undefined && exemption.port !== port) return false;
      if ('any' in exemption) return true;
      if ('range' in exemption) return address !== undefined && isIn(address, exemption.range);
      if ('problem' in exemption || address !== undefined) return false;
      return host === exemption.name || host.endsWith(`.${exemption.name}`);
    });
}

function entriesOf(noProxy: string): string[] {
  return noProxy.split(/[\s,]+/).filter((entry) => entry !== '');
}

function exemptionOf(entry: string): Exemption {
  if (entry === '*') return { any: true };
  if (entry.includes('://')) return { problem: 'write a name or an address without a scheme' };
  if (entry.includes('/')) return cidrOf(entry);
  // An IPv6 address without brackets has more than one colon, and so no port.
  const [, host = entry, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return { problem: 'no such port' };
  const address = addressOf(hostOf(host));
  const found = address === undefined ? nameOf(host) : { range: { ...address, prefix: address.bits } };
  return { ...found, port: port && String(Number(port)) };
}

function cidrOf(entry: string): Exemption {
  const [network = '', prefix = '', ...rest] = entry.split('/');
  const address = addressOf(hostOf(network));
  if (address === undefined || rest.length > 0) {
    return { problem: 'it is no range of addresses such as 10.0.0.0/8' };
  }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > address.bits) {
    return { problem: `the range ends in /0 to /${address.bits}` };
  }
  return { range: { ...address, prefix: Number(prefix) } };
}

function nameOf(text: string): Exemption {
  const name = text.replace(/^\*?\./, '').replace(/\.$/, '');
  if (name.includes('*')) return { problem: 'only a whole first label can be *, as in *.example.com' };
  // As a URL has it: in lower case, IDNA-encoded.
  const host = (/[@:?#\\%]/.test(name) ? null : URL.parse(`http://${name}/`))?.hostname ?? '';
  if (addressOf(host) !== undefined) {
    return { problem: `write addresses in full (${host}), and ranges like 10.0.0.0/8` };
  }
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(host)
    ? { name: host }
    : { problem: 'it is no name of a host; entries are separated by commas' };
}

/** A host without what makes no difference: case, a dot at its end, the brackets that URLs write around IPv6. */
export function hostOf(text: string): string {
  return withoutBrackets(text)
    .toLowerCase()
    .replace(/^([^:]*)\.$/, '$1');
}

/** A URL writes an IPv6 address in brackets; sockets take it without. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** @returns undefined for what is no IP address in standard notation. */
function addressOf(host: string): Address | undefined {
  if (host.includes(':')) return ipv6(host);
  const parts = host.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return { bits: 32, value: parts.reduce((value, part) => value * 256n + BigInt(part), 0n) };
}

/** ::ffff:0:0/96 (RFC 4291 section 2.5.5.2) and 64:ff9b::/96 (NAT64, RFC 6052): what they reach is an IPv4 address. */
const IPV4_WITHIN = [0xffffn, 0x64_ff9bn << 64n];

function ipv6(text: string): Address | undefined {
  const host = /^[0-9a-f:.]+$/i.test(text) ? URL.parse(`http://[${text}]/`)?.hostname : undefined;
  if (host === undefined) return undefined;
  const [head = '', tail = ''] = withoutBrackets(host).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(missing).fill('0'), ...groups(tail)];
  const value = all.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return IPV4_WITHIN.includes(value >> 32n)
    ? { bits: 32, value: value & 0xffff_ffffn }
    : { bits: 128, value };
}

function isIn(address: Address, { bits, prefix, value }: Range): boolean {
  const shift = BigInt(bits - prefix);
  return address.bits === bits && address.value >> shift === value >> shift;
}

/** This machine itself, its link, and "no address", which Linux takes for itself. */
const NEAR = ['127.0.0.0/8', '0.0.0.0/8', '169.254.0.0/16', '::1/128', '::/128', 'fe80::/10'].map(
  (range) => (cidrOf(range) as { range: Range }).range,
);

/**
 * Whether an IP address is one that only this machine, or its own link, is meant to reach: services that listen there
 * trust who comes, as cloud metadata at 169.254.169.254 does.
 * @param text with or without a zone (`fe80::1%eth0`) and brackets. A name is none.
 */
export function isNear(text: string): boolean {
  const address = addressOf(hostOf(text).replace(/%.*$/, ''));
  return address !== undefined && NEAR.some((range) => isIn(address, range));
}
