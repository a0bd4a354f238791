import { LivepatchError } from '../errors.ts';
import type { Config, LogLevel } from '../types.ts';

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'notice', 'warning', 'error'];

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
type Unit = keyof typeof UNITS;

interface Key<Value> {
  default: string;
  /** @throws Error whose message completes "config update aborted: <key>: ". */
  parse(text: string): Value;
}

/** Every key of the configuration: its default as a person would write it, and the rule for its value. */
export const CONFIG_KEYS = {
  'http-proxy': { default: '', parse: proxy },
  'https-proxy': { default: '', parse: proxy },
  'no-proxy': { default: '', parse: (text) => text },
  'remote-server': { default: 'https://livepatch.canonical.com', parse: serverUrl },
  'ca-certs': { default: '', parse: pem },
  'dial-timeout': { default: '12s', parse: (text) => atLeastOne(duration(text, ['s', 'm', 'h'])) },
  'check-interval': { default: '60', parse: interval },
  'log-level': { default: 'warning', parse: logLevel },
  'tls-patch-download': { default: 'false', parse: yesOrNo },
  'cutoff-date': { default: '', parse: pastDate },
  'patch-delay': { default: '0', parse: (text) => duration(text, ['s', 'm', 'h', 'd', 'w']) },
  'signing-certs': { default: '', parse: pem },
  pings: { default: 'true', parse: yesOrNo },
} satisfies Record<string, Key<unknown>>;

export type ConfigKey = keyof typeof CONFIG_KEYS;

/** Whether a key of this name exists. */
export function isConfigKey(name: string): name is ConfigKey {
  return Object.hasOwn(CONFIG_KEYS, name);
}

/**
 * The values of all keys as the program uses them.
 * @param texts value by key, as written; keys left out have their defaults.
 * @throws LivepatchError `config`: `<key>: <reason>`
 */
export function parseConfig(texts: Partial<Record<ConfigKey, string>>): Config {
  const value = <K extends ConfigKey>(key: K): ReturnType<(typeof CONFIG_KEYS)[K]['parse']> => {
    const rule = CONFIG_KEYS[key];
    try {
      return rule.parse(texts[key] || rule.default) as ReturnType<(typeof CONFIG_KEYS)[K]['parse']>;
    } catch (error) {
      throw new LivepatchError('config', `${key}: ${(error as Error).message}`);
    }
  };
  return {
    httpProxy: value('http-proxy'),
    httpsProxy: value('https-proxy'),
    noProxy: value('no-proxy'),
    remoteServer: value('remote-server'),
    caCerts: value('ca-certs'),
    dialTimeout: value('dial-timeout'),
    checkInterval: value('check-interval'),
    logLevel: value('log-level'),
    tlsPatchDownload: value('tls-patch-download'),
    cutoffDate: value('cutoff-date'),
    patchDelay: value('patch-delay'),
    signingCerts: value('signing-certs'),
    pings: value('pings'),
  };
}

function url(text: string, schemes: string[]): URL {
  const parsed = URL.parse(text);
  if (parsed === null || !schemes.includes(parsed.protocol)) {
    throw new Error(`must be a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`);
  }
  return parsed;
}

function proxy(text: string): string {
  if (text !== '') url(text, ['http:', 'https:', 'socks5:']);
  return text;
}

function serverUrl(text: string): URL {
  const parsed = url(text, ['https:', 'http:']);
  // A user and password here would end up in every error text that names the server.
  if (parsed.username !== '' || parsed.password !== '') throw new Error('must hold no user or password');
  if (parsed.search !== '' || parsed.hash !== '') throw new Error('must hold no query or fragment');
  return parsed;
}

function pem(text: string): string {
  if (text !== '' && !text.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error('must be PEM certificates');
  return text;
}

function duration(text: string, units: Unit[]): number {
  if (text === '0') return 0;
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  const unit = match?.[2] as Unit | undefined;
  if (match === null || unit === undefined || !units.includes(unit)) {
    throw new Error(`must be a whole number and a unit (${units.join(', ')}), such as 12${units[0]}`);
  }
  return Number(match[1]) * UNITS[unit];
}

function atLeastOne(milliseconds: number): number {
  if (milliseconds === 0) throw new Error('must be longer than 0');
  return milliseconds;
}

function interval(text: string): number | undefined {
  if (text === '0') return undefined;
  if (!/^\d{1,6}$/.test(text) || Number(text) < 60) {
    throw new Error('must be 0, or a whole number of minutes, at least 60');
  }
  return Number(text) * UNITS.m;
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text);
  if (level === undefined) throw new Error(`must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function yesOrNo(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error('must be true or false');
  return text === 'true';
}

function pastDate(text: string): string | undefined {
  if (text === '') return undefined;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time)) throw new Error('must be an RFC 3339 date, such as 2026-07-16T00:00:00Z');
  if (time > Date.now()) throw new Error('must be in the past');
  return text;
}
