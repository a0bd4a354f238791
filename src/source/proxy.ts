import { BlockList, isIP } from 'node:net';
import { LivepatchError } from '../errors.ts';
import type { Config } from '../types.ts';

export type ProxyConfig = Pick<Config, 'httpProxy' | 'httpsProxy' | 'noProxy'>;

/**
 * The proxy that a request goes through: the configuration's, else the environment's (lower case first, as curl and
 * Node have it), else none.
 * @throws LivepatchError `config` for a proxy in the environment that is none; its value is not repeated, since it may
 * hold a password.
 */
export function proxyFor(url: URL, config: ProxyConfig, env: NodeJS.ProcessEnv): URL | undefined {
  const [key, configured] =
    url.protocol === 'https:'
      ? (['https_proxy', config.httpsProxy] as const)
      : (['http_proxy', config.httpProxy] as const);
  const proxy = configured || fromEnvironment(env, key);
  if (proxy === '' || isExempt(url, config.noProxy || fromEnvironment(env, 'no_proxy'))) return undefined;
  return parse(proxy, configured === '' ? key.toUpperCase() : key.replace('_', '-'));
}

function fromEnvironment(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] || env[name.toUpperCase()] || '';
}

const SCHEMES = ['http:', 'https:', 'socks5:'];

function parse(text: string, source: string): URL {
  // `proxy.example.com:3128` is what many an environment holds.
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url !== null && SCHEMES.includes(url.protocol) && isDecodable(url)) return url;
  throw new LivepatchError('config', `${source}: is not the address of an http, https or socks5 proxy`, {
    hint: `Correct ${source}, such as http://proxy.example.com:3128.`,
  });
}

/** A lone % in a password is not what a URL can hold. */
function isDecodable({ hostname, password, username }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return hostname !== '';
  } catch {
    return false;
  }
}

/**
 * Whether a URL is reached without a proxy. Entries are separated by commas or spaces: `*`; a name, which stands for
 * all names below it too, with or without a leading `.` or `*.`; an address or a CIDR range; each but the last may
 * end in `:port`.
 */
function isExempt(url: URL, noProxy: string): boolean {
  const host = withoutBrackets(url.hostname.toLowerCase());
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (isIP(host) !== 0 && entry.includes('/')) return inRange(host, entry);
  const [, name = entry, onlyPort = port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (onlyPort !== port) return false;
  const domain = withoutBrackets(name).replace(/^\*?\./, '');
  return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

function inRange(host: string, range: string): boolean {
  const [network = '', bits = ''] = range.split('/');
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(network) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 'ipv6' ? 128 : 32)) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}

/** A URL writes an IPv6 address in brackets; sockets take it without. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
