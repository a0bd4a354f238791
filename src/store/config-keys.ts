import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { decodePem, type PemBlock } from '../patch/pem.ts';
import { noProxyProblem, proxyProblem, serverUrlProblem } from '../policy/addresses.ts';
import { isOnCalendar } from '../schemas.ts';
import type { Config, LogLevel } from '../types.ts';

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'notice', 'warning', 'error'];

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
type Unit = keyof typeof UNITS;

interface Key<Value> {
  default: string;
  /** @throws Error whose message completes "config update aborted: <key>: ". */
  parse(text: string): Value;
  /**
   * What is used while the value in the file is broken. Left out where any guess would contact somebody else, or apply
   * what was to be held back.
   */
  standIn?: string;
  /** Whether the value may have several lines; around all others white space means nothing. */
  lines?: true;
  /** What is only asked of a value when it is set. @throws as `parse` */
  whenSet?(text: string): void;
}

/** Every key of the configuration: its default as a person would write it, and the rule for its value. */
export const CONFIG_KEYS = {
  'http-proxy': { default: '', parse: proxy },
  'https-proxy': { default: '', parse: proxy },
  'no-proxy': { default: '', parse: noProxy },
  'remote-server': { default: 'https://livepatch.canonical.com', parse: serverUrl },
  'ca-certs': { default: '', parse: certificates, lines: true },
  'dial-timeout': {
    default: '12s',
    parse: (text) => atLeastOne(duration(text, ['s', 'm', 'h'])),
    standIn: '12s',
  },
  'check-interval': { default: '60', parse: interval, standIn: '60' },
  'log-level': { default: 'warning', parse: logLevel, standIn: 'warning' },
  'tls-patch-download': { default: 'false', parse: yesOrNo },
  // A clock that is slow, as at boot, must not make yesterday's date a wrong one.
  'cutoff-date': { default: '', parse: date, whenSet: inThePast },
  'patch-delay': { default: '0', parse: (text) => duration(text, ['s', 'm', 'h', 'd', 'w']) },
  'signing-certs': { default: '', parse: certificates, lines: true },
  // Not the default: a person who meant false wants nothing to be sent.
  pings: { default: 'true', parse: yesOrNo, standIn: 'false' },
  'catalogue-root': { default: '', parse: catalogueRoot, lines: true },
  tier: { default: '', parse: tier },
  'revert-withdrawn': { default: 'false', parse: yesOrNo, standIn: 'false' },
} satisfies Record<string, Key<unknown>>;

export type ConfigKey = keyof typeof CONFIG_KEYS;

/** Whether a key of this name exists. */
export function isConfigKey(name: string): name is ConfigKey {
  return Object.hasOwn(CONFIG_KEYS, name);
}

export function ruleOf(key: ConfigKey): Key<unknown> {
  return CONFIG_KEYS[key];
}

/** @returns what is wrong with a value, to follow the key's name; undefined when it is good. */
export function problemOf(key: ConfigKey, text: string): string | undefined {
  try {
    ruleOf(key).parse(text || ruleOf(key).default);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Whether a text holds a private key, in PEM or PuTTY's form, whole or in part. It is never to be shown. */
export function holdsPrivateKey(text: string): boolean {
  return /PRIVATE KEY-----|PuTTY-User-Key-File/.test(text);
}

export type ConfigTexts = Partial<Record<ConfigKey, string>>;

/** Such as `file:///media/stick/catalogue`. */
const FILE = /^file:\/\/\//i;

/**
 * What is wrong with values that are good by themselves.
 * @param hasShippedRoot whether the client came with the root of a catalogue.
 * @returns undefined when they fit together.
 */
export function conflictIn(
  texts: ConfigTexts,
  hasShippedRoot: boolean,
): { key: ConfigKey; problem: string } | undefined {
  if (!FILE.test(texts['remote-server'] ?? '') || texts['catalogue-root'] || hasShippedRoot) return undefined;
  return {
    key: 'remote-server',
    problem: 'only a catalogue can be at a file:/// address, and that needs catalogue-root',
  };
}

/**
 * The values of all keys as the program uses them.
 * @param texts value by key, as written; keys left out have their defaults.
 * @throws LivepatchError `config`: `<key>: <reason>`
 */
export function parseConfig(texts: ConfigTexts): Config {
  const value = <K extends ConfigKey>(key: K): ReturnType<(typeof CONFIG_KEYS)[K]['parse']> => {
    const rule = CONFIG_KEYS[key];
    try {
      return rule.parse(texts[key] || rule.default) as ReturnType<(typeof CONFIG_KEYS)[K]['parse']>;
    } catch (error) {
      throw new LivepatchError('config', `${key}: ${messageOf(error)}`);
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
    catalogueRoot: value('catalogue-root'),
    tier: value('tier'),
    revertWithdrawn: value('revert-withdrawn'),
  };
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new Error(problem);
}

function proxy(text: string): string {
  if (text !== '') refuse(proxyProblem(text));
  return text;
}

function noProxy(text: string): string {
  refuse(noProxyProblem(text));
  return text;
}

function serverUrl(text: string): URL {
  const isFile = FILE.test(text);
  refuse(isFile ? filePathProblem(text) : serverUrlProblem(text));
  return new URL(text);
}

function filePathProblem(text: string): string | undefined {
  const odd = /[\s\p{Cc}?#%\\]/u.exec(text.replaceAll(/%[0-9A-Fa-f]{2}/g, ''))?.[0];
  if (odd === undefined) return undefined;
  return `must hold no ${/\s/.test(odd) ? 'white space' : odd}; write ${encodeURIComponent(odd)} there`;
}

/** In the one form that all who use them take, whatever editor or system they come from. */
function certificates(text: string): string {
  if (text === '') return '';
  const blocks = decodePem(Buffer.from(text));
  if (blocks.length === 0) throw new Error('must be PEM certificates');
  return blocks.map((block, index) => certificate(block, index + 1, blocks.length)).join('');
}

function certificate({ der, label, line }: PemBlock, index: number, count: number): string {
  const where = `certificate ${index} of ${count}, line ${line}`;
  if (label.includes('PRIVATE KEY')) throw new Error(`${where}: it is a private key, not a certificate`);
  if (label !== 'CERTIFICATE') throw new Error(`${where}: it is not a certificate`);
  if (der === undefined) throw new Error(`${where}: it is broken or cut short`);
  const lines = Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
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

function date(text: string): string | undefined {
  if (text === '') return undefined;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time) || !isOnCalendar(text))
    throw new Error('must be an RFC 3339 date, such as 2026-07-16T00:00:00Z');
  return text;
}

function inThePast(text: string): void {
  if (Date.parse(text) > Date.now()) throw new Error('must be in the past');
}

/** Lightly: whether it is the root that its catalogue was signed under is for the source to tell. */
function catalogueRoot(text: string): string {
  if (text === '') return '';
  if (text.length > LIMITS.store.catalogueRootBytes) {
    throw new Error(`is longer than ${LIMITS.store.catalogueRootBytes} bytes`);
  }
  if (typeOfMetadata(text) !== 'root') throw new Error("must be a catalogue's root.json");
  return text;
}

function typeOfMetadata(text: string): unknown {
  try {
    return JSON.parse(text)?.signed?._type;
  } catch {
    return undefined;
  }
}

function tier(text: string): string | undefined {
  if (!/^[a-z0-9-]{0,64}$/.test(text)) {
    throw new Error('must be at most 64 lower-case letters, digits and dashes');
  }
  return text || undefined;
}
